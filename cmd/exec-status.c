/* exec-status - print what the manager knows of its containers; exec-status(1) */
#include <errno.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/json_filter.h"
#include "base/opt.h"
#include "base/uri.h"
#include "client/cli.h"
#include "client/present.h"
#include "client/status.h"

static struct cli cli = CLI_INIT;
static const char *fields, *program;
static bool as_json;

static const struct opt table[] = {
	{ 'j', "json", NULL, "print JSON on a terminal as well", OPT_FLAG, .dest = &as_json },
	{ 'o', "fields", "LIST", "print these members of each container: id,type,state", OPT_STRING, .dest = &fields },
	{ 'f', "filter", "PROGRAM", "print what this jq program makes of the JSON", OPT_STRING, .dest = &program },
	{ 0, "color", "WHEN", "auto, always or never", OPT_STRING, .dest = &cli.color },
	CLI_URL_OPTION(cli),
	CLI_TALK_OPTIONS(cli),
	{ .name = NULL },
};

static const struct opt_usage usage = {
	.name = "exec-status",
	.purpose = "Print the manager's pool and its containers, or those named.",
	.synopsis = "[-jqv] [-o LIST | -f PROGRAM] [--color WHEN] [-u URL] [ID...]",
	.table = table,
};

enum format { FORMAT_TABLE, FORMAT_PRETTY, FORMAT_JSON, FORMAT_FIELDS };

struct printer {
	enum format		 format;
	bool			 color;
	struct json_filter	*filter;
	struct buf		 out;
};

static int
add_value(struct printer *p, struct json v)
{
	if (p->format == FORMAT_FIELDS)
		present_fields(&p->out, v, fields);
	else if (p->format == FORMAT_PRETTY)
		present_json(&p->out, v, p->color);
	else
		return cli_add_json(p->filter, v, &p->out);
	return 0;
}

/* The containers named, in the order named; each unknown one is said, all known ones are printed. */
static int
add_named(struct printer *p, struct json containers, int n, char **ids)
{
	struct json one;
	struct json_iter it;
	struct buf list = BUF_INIT;
	struct json_error err;
	int ex = 0, id = -1, r;

	buf_putc(&list, '[');
	for (int i = 0; i < n; i++) {
		uri_parse_id(ids[i], strlen(ids[i]), &id);
		if (status_find(containers, id, &one)) {
			json_put_raw(&list, one.p, one.len);
			continue;
		}
		diag(DIAG_ERROR, "container %d does not exist", id);
		ex = EX_NOHOST;
	}
	buf_putc(&list, ']');
	if (buf_error(&list) < 0 || json_scan(buf_str(&list), list.len, 0, &containers, &err) < 0)
		diag_die(EX_OSERR, "out of memory");
	it = (struct json_iter){ 0 };
	r = 0;
	if (p->format == FORMAT_TABLE)
		status_table_containers(&p->out, containers, p->color);
	else
		while (r == 0 && json_next(containers, &it, NULL, &one))
			r = add_value(p, one);
	buf_release(&list);
	return r != 0 ? r : ex;
}

static int
add_all(struct printer *p, const char *url, struct json status, struct json containers)
{
	struct buf joined = BUF_INIT;
	struct json_iter it = { 0 };
	struct json_error err;
	struct json v;
	int r = 0;

	if (p->format == FORMAT_TABLE) {
		status_table(&p->out, url, status, containers, p->color);
		return 0;
	}
	if (p->format == FORMAT_FIELDS) {
		while (r == 0 && json_next(containers, &it, NULL, &v))
			r = add_value(p, v);
		return r;
	}
	status_join(&joined, status, containers);
	if (buf_error(&joined) < 0 || json_scan(buf_str(&joined), joined.len, 0, &v, &err) < 0)
		diag_die(EX_OSERR, "out of memory");
	r = add_value(p, v);
	buf_release(&joined);
	return r;
}

/* What was asked for as text in p->out. */
static int
collect(struct api *api, struct printer *p, int n, char **ids)
{
	struct api_answer status = API_ANSWER_INIT, containers = API_ANSWER_INIT;
	bool all = n == 0 && p->format != FORMAT_FIELDS;
	int r = 0;

	if ((!all || (r = api_get(api, "/status", &status)) == 0) && (r = api_get(api, "/containers", &containers)) != 0)
		/* A manager that has no such list still has a status. */
		r = all && containers.status == 404 ? 0 : r;
	if (r != 0)
		diag(DIAG_ERROR, "%s", api_error(api));
	else if ((all && status.json.kind != JSON_OBJECT) ||
	    (containers.status == 200 && containers.json.kind != JSON_ARRAY))
		r = diag_fail(EX_PROTOCOL, "%s: the answer is JSON, but not a manager's", api_url(api));
	else
		r = n > 0 ? add_named(p, containers.json, n, ids) : add_all(p, api_url(api), status.json, containers.json);
	api_answer_release(&status);
	api_answer_release(&containers);
	return r;
}

static void
choose_format(struct printer *p)
{
	if (fields != NULL && program != NULL)
		opt_refuse(&usage, "-o and -f exclude each other");
	if (fields != NULL && !present_fields_ok(fields))
		opt_refuse(&usage, "--fields %s: not a list of names", fields);
	if (present_color(cli.color, STDOUT_FILENO, &p->color) < 0)
		opt_refuse(&usage, "--color %s: must be auto, always or never", cli.color);
	if (fields != NULL)
		p->format = FORMAT_FIELDS;
	else if (program != NULL)
		p->format = FORMAT_JSON;
	else if (isatty(STDOUT_FILENO))
		p->format = as_json ? FORMAT_PRETTY : FORMAT_TABLE;
	else
		p->format = p->color ? FORMAT_PRETTY : FORMAT_JSON;
}

int
main(int argc, char **argv)
{
	struct printer p = { .format = FORMAT_JSON };
	struct api *api;
	int at, id, ex, r;

	diag_init("exec-status", DIAG_WARN);
	at = opt_parse(&usage, argc, argv);
	for (int i = at; i < argc; i++)
		if (uri_parse_id(argv[i], strlen(argv[i]), &id) < 0)
			opt_refuse(&usage, "%s: not a container id", argv[i]);
	choose_format(&p);
	p.filter = cli_filter(&usage, program);
	api = cli_open(&usage, &cli);
	ex = collect(api, &p, argc - at, argv + at);
	r = cli_write_failed(cli_write(STDOUT_FILENO, buf_str(&p.out), p.out.len, -1));
	buf_release(&p.out);
	json_filter_free(&p.filter);
	api_free(&api);
	return ex != 0 ? ex : r;
}
