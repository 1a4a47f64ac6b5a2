/* compose_yaml - a plan as a compose file; see compose_yaml.h. */
#include <errno.h>

#include <yaml.h>

#include "deploy/compose_yaml.h"

#define CONFIG_TARGET "/etc/execmgr/container_config.json"	/* in the manager's container */

struct writer {
	yaml_emitter_t	 emitter;
	struct buf	*out;
	bool		 failed;	/* libyaml fails only for want of memory: the events are right by construction */
};

static int
on_bytes(void *arg, unsigned char *bytes, size_t len)
{
	struct writer *w = arg;

	buf_add(w->out, bytes, len);
	return buf_error(w->out) == 0;
}

static void
emit(struct writer *w, yaml_event_t *event, int made)
{
	if (!made)
		w->failed = true;
	else if (w->failed)
		yaml_event_delete(event);
	else if (!yaml_emitter_emit(&w->emitter, event))	/* which frees the event in any case */
		w->failed = true;
}

static void
scalar(struct writer *w, const char *text, yaml_scalar_style_t style)
{
	yaml_event_t e;

	emit(w, &e, yaml_scalar_event_initialize(&e, NULL, NULL, (const yaml_char_t *)text, (int)strlen(text), 1, 1, style));
}

/* A word of ours: a key, or a value that is a number or truth to YAML and is meant so. */
static void
word(struct writer *w, const char *text)
{
	scalar(w, text, YAML_PLAIN_SCALAR_STYLE);
}

/*
 * A string, always in quotes: a type may be called "no", "1e3" or "0o7".  Compose replaces $NAME in values, so "$" is
 * written twice.
 */
static void
string(struct writer *w, const char *text)
{
	struct buf b = BUF_INIT;

	for (const char *p = text; *p != '\0'; p++)
		buf_add(&b, *p == '$' ? "$$" : p, *p == '$' ? 2 : 1);
	if (buf_error(&b) < 0)
		w->failed = true;
	scalar(w, buf_str(&b), YAML_DOUBLE_QUOTED_SCALAR_STYLE);
	buf_release(&b);
}

static void
open_map(struct writer *w, const char *key)
{
	yaml_event_t e;

	if (key != NULL)
		word(w, key);
	emit(w, &e, yaml_mapping_start_event_initialize(&e, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE));
}

static void
close_map(struct writer *w)
{
	yaml_event_t e;

	emit(w, &e, yaml_mapping_end_event_initialize(&e));
}

static void
open_list(struct writer *w, const char *key)
{
	yaml_event_t e;

	word(w, key);
	emit(w, &e, yaml_sequence_start_event_initialize(&e, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE));
}

static void
close_list(struct writer *w)
{
	yaml_event_t e;

	emit(w, &e, yaml_sequence_end_event_initialize(&e));
}

static void
pair(struct writer *w, const char *key, const char *value)
{
	word(w, key);
	string(w, value);
}

static void
pair_word(struct writer *w, const char *key, const char *value)
{
	word(w, key);
	word(w, value);
}

static void
list_of_one(struct writer *w, const char *key, const char *item)
{
	open_list(w, key);
	string(w, item);
	close_list(w);
}

/*
 * What every service is denied: more than its share of the machine (cpus and memory NULL: as much as there is; Compose refuses
 * a pids_limit beside these), capabilities, more of them by setuid programs, a writable root.
 */
static void
confinement(struct writer *w, const char *cpus, const char *memory, int pids)
{
	char n[16];

	open_map(w, "deploy");
	open_map(w, "resources");
	open_map(w, "limits");
	if (cpus != NULL)
		pair(w, "cpus", cpus);
	if (memory != NULL)
		pair(w, "memory", memory);
	snprintf(n, sizeof n, "%d", pids);
	pair_word(w, "pids", n);
	close_map(w);
	close_map(w);
	close_map(w);
	list_of_one(w, "cap_drop", "ALL");
	list_of_one(w, "security_opt", "no-new-privileges:true");
	pair_word(w, "read_only", "true");
}

static void
published(struct writer *w, const char *bind, int host, int inside)
{
	char text[300];

	snprintf(text, sizeof text, "%s:%d:%d", bind, host, inside);
	list_of_one(w, "ports", text);
}

static void
manager(struct writer *w, const struct plan *p)
{
	open_map(w, "manager");
	pair(w, "container_name", "manager");
	pair(w, "image", p->manager_image);
	pair_word(w, "restart", "unless-stopped");
	published(w, p->bind, p->manager_port, PLAN_MANAGER_PORT);
	open_map(w, "environment");
	pair(w, "CONTAINER_CONFIG_PATH", CONFIG_TARGET);
	close_map(w);
	open_list(w, "volumes");
	open_map(w, NULL);
	pair_word(w, "type", "bind");
	pair(w, "source", p->config_path);
	pair(w, "target", CONFIG_TARGET);
	pair_word(w, "read_only", "true");
	open_map(w, "bind");
	pair_word(w, "create_host_path", "false");	/* a missing file is an error, not an empty directory */
	close_map(w);
	close_map(w);
	close_list(w);
	list_of_one(w, "networks", "default");
	confinement(w, NULL, NULL, p->pids);
	list_of_one(w, "tmpfs", "/tmp:mode=1777");
	close_map(w);
}

static void
executor(struct writer *w, const struct plan *p, const struct plan_executor *e)
{
	open_map(w, e->name);
	pair(w, "container_name", e->name);
	pair(w, "image", e->image);
	pair_word(w, "restart", "unless-stopped");
	published(w, p->bind, e->port, PLAN_EXECUTOR_PORT);
	list_of_one(w, "networks", "default");
	confinement(w, p->cpus, p->memory, p->pids);
	open_list(w, "tmpfs");
	string(w, "/tmp:mode=1777");
	string(w, "/work:mode=1777");
	close_list(w);
	close_map(w);
}

static void
document(struct writer *w, const struct plan *p)
{
	yaml_event_t e;

	emit(w, &e, yaml_stream_start_event_initialize(&e, YAML_UTF8_ENCODING));
	emit(w, &e, yaml_document_start_event_initialize(&e, NULL, NULL, NULL, 1));
	open_map(w, NULL);
	open_map(w, "services");
	manager(w, p);
	for (size_t i = 0; i < p->n; i++)
		executor(w, p, &p->executor[i]);
	close_map(w);
	open_map(w, "networks");
	open_map(w, "default");
	pair_word(w, "driver", "bridge");
	close_map(w);
	close_map(w);
	close_map(w);
	emit(w, &e, yaml_document_end_event_initialize(&e, 1));
	emit(w, &e, yaml_stream_end_event_initialize(&e));
}

int
compose_yaml_format(const struct plan *p, struct buf *out)
{
	struct writer w = { .out = out };

	if (!yaml_emitter_initialize(&w.emitter))
		return -ENOMEM;
	yaml_emitter_set_output(&w.emitter, on_bytes, &w);
	yaml_emitter_set_unicode(&w.emitter, 1);
	yaml_emitter_set_width(&w.emitter, -1);		/* a path with blanks stays on its line */
	document(&w, p);
	yaml_emitter_delete(&w.emitter);
	return w.failed ? -ENOMEM : buf_error(out);
}
