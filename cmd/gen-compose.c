/* gen-compose - write the files of a deployment with Docker Compose; gen-compose(1) */
#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/opt.h"
#include "deploy/compose_yaml.h"
#include "deploy/output.h"
#include "deploy/plan.h"

static const char *types = "python", *output = "docker-compose.yml", *config_file;
static int64_t count, start_port = 60000;

static const struct opt table[] = {
	{ 'n', "num-containers", "N", "executors (the sum of --types, else 10)", OPT_INT, .dest = &count, .min = 1,
	    .max = TYPES_TOTAL_MAX },
	{ 't', "types", "TYPES", "types and how many of each: python:60,kaggle:30 (python)", OPT_STRING, .dest = &types },
	{ 'p', "start-port", "PORT", "the first executor's port on the host (60000)", OPT_INT, .dest = &start_port, .min = 1,
	    .max = 65535 },
	{ 'o', "output", "FILE", "the compose file (docker-compose.yml); -: standard output", OPT_STRING, .dest = &output },
	{ 'c', "config-file", "FILE", "the manager's configuration (container_config.json beside the output)", OPT_STRING,
	    .dest = &config_file },
	{ .name = NULL },
};

static const struct opt_usage usage = {
	.name = "gen-compose",
	.purpose = "Write a compose file and the manager's configuration for a pool of executors.",
	.synopsis = "[-n N] [-t TYPES] [-p PORT] [-o FILE] [-c FILE]",
	.table = table,
};

static bool
to_stdout(void)
{
	return strcmp(output, "-") == 0;
}

/* Bytes of path up to its last slash, that included. */
static size_t
dir_len(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? 0 : (size_t)(slash - path) + 1;
}

static void
choose_config_file(struct buf *path)
{
	if (config_file != NULL)
		buf_puts(path, config_file);
	else {
		buf_add(path, output, to_stdout() ? 0 : dir_len(output));
		buf_puts(path, "container_config.json");
	}
}

/*
 * Compose takes a relative path as relative to the compose file: beside it the name is enough, so that the two can be moved
 * together; from elsewhere it is absolute.  0, or an exit status with its message said.
 */
static int
name_for_compose(const char *path, struct buf *name)
{
	char dir[PATH_MAX], beside[PATH_MAX], from[PATH_MAX];
	size_t len = dir_len(path), out_len = to_stdout() ? 0 : dir_len(output);

	if (len >= sizeof from || out_len >= sizeof from)
		return diag_fail(EX_CANTCREAT, "%s: %s", path, strerror(ENAMETOOLONG));
	snprintf(from, sizeof from, "%.*s", out_len > 0 ? (int)out_len : 1, out_len > 0 ? output : ".");
	if (realpath(from, beside) == NULL)
		return diag_fail(EX_CANTCREAT, "%s: %s", output, strerror(errno));
	snprintf(from, sizeof from, "%.*s", len > 0 ? (int)len : 1, len > 0 ? path : ".");
	if (realpath(from, dir) == NULL)
		return diag_fail(EX_CANTCREAT, "%s: %s", path, strerror(errno));
	buf_printf(name, "%s/%s", strcmp(dir, beside) == 0 ? "." : strcmp(dir, "/") == 0 ? "" : dir, path + len);
	return 0;
}

static void
check_usage(int argc, char **argv, int at)
{
	if (at < argc)
		opt_refuse(&usage, "%s: unexpected operand", argv[at]);
	if (*output == '\0' || output[strlen(output) - 1] == '/')
		opt_refuse(&usage, "--output %s: not a file name", output);
	if (config_file != NULL && (*config_file == '\0' || config_file[strlen(config_file) - 1] == '/'))
		opt_refuse(&usage, "--config-file %s: not a file name", config_file);
	if (config_file != NULL && strcmp(config_file, "-") == 0)
		opt_refuse(&usage, "--config-file -: the compose file mounts it, so it must be a file");
}

static int
write_files(const struct plan *plan, const char *config_path)
{
	struct buf compose = BUF_INIT, config = BUF_INIT;
	struct output files[] = { { output, &compose, false }, { config_path, &config, true } },
	    *first = to_stdout() ? files + 1 : files;
	size_t which = 0;
	int r;

	plan_format_config(plan, &config);
	buf_puts(&compose, "# Written by gen-compose.\n");
	if ((r = compose_yaml_format(plan, &compose)) == 0 && (r = buf_error(&config)) == 0)
		r = output_write_all(first, to_stdout() ? 1 : 2, &which);
	if (r == -ENOMEM)
		r = diag_fail(EX_OSERR, "out of memory");
	else if (r < 0)
		r = diag_fail(r == -ENOSPC || r == -EIO ? EX_IOERR : EX_CANTCREAT, "%s: %s", first[which].path, strerror(-r));
	else if (to_stdout() && fwrite(buf_str(&compose), 1, compose.len, stdout) < compose.len) {
		r = diag_fail(EX_IOERR, "standard output: %s", strerror(errno));
		clearerr(stdout);
	}
	buf_release(&compose);
	buf_release(&config);
	return r;
}

int
main(int argc, char **argv)
{
	struct buf config_path = BUF_INIT, name = BUF_INIT, why = BUF_INIT;
	struct plan_options o = { 0 };
	struct plan plan = PLAN_INIT;
	int r;

	diag_init("gen-compose", DIAG_WARN);
	check_usage(argc, argv, opt_parse(&usage, argc, argv));
	choose_config_file(&config_path);
	if ((r = name_for_compose(buf_str(&config_path), &name)) != 0)
		goto out;
	if (!to_stdout() && strcmp(buf_str(&name) + 2, output + dir_len(output)) == 0 && buf_str(&name)[0] == '.')
		opt_refuse(&usage, "--config-file %s: is the output as well", buf_str(&config_path));
	o = (struct plan_options){ types, (int)count, (int)start_port, buf_str(&name) };
	if ((r = plan_build(&o, &plan, &why)) == -EINVAL)
		opt_refuse(&usage, "%s", buf_str(&why));
	r = r < 0 ? diag_fail(EX_OSERR, "out of memory") : write_files(&plan, buf_str(&config_path));
out:
	plan_release(&plan);
	buf_release(&config_path);
	buf_release(&name);
	buf_release(&why);
	return diag_close_stdout(r);
}
