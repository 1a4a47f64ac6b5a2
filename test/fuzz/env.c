/* Whatever a list or a file of variables says: what is taken is clean, and written out as a file reads the same. */
#include <stdint.h>

#include "base/buf.h"
#include "deploy/env.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool held)
{
	if (!held)
		abort();
}

static void
write_out(const struct env *e, struct buf *out)
{
	for (size_t i = 0; i < e->n; i++) {
		const struct env_var *v = &e->var[i];

		must(*v->name != '\0' && strspn(v->name, "0123456789") == 0 && strpbrk(v->name, "=, \t\n") == NULL);
		must(env_get(e, v->name) == v);			/* none twice */
		for (const char *p = v->value; *p != '\0'; p++)
			must((unsigned char)*p >= 0x20 || *p == '\t' || *p == '\n');
		buf_printf(out, "%s=%s\n", v->name, v->value);
	}
}

/* A value with a newline comes from a list alone: no file can say it. */
static bool
has_newline(const struct env *e)
{
	for (size_t i = 0; i < e->n; i++)
		if (strchr(e->var[i].value, '\n') != NULL)
			return true;
	return false;
}

static void
reads_the_same(const struct env *e)
{
	struct buf once = BUF_INIT, twice = BUF_INIT, why = BUF_INIT;
	struct env again = ENV_INIT;

	write_out(e, &once);
	if (!has_newline(e)) {
		must(env_parse_file(&again, "once", buf_str(&once), once.len, &why) == 0 && why.len == 0);
		write_out(&again, &twice);
		must(strcmp(buf_str(&once), buf_str(&twice)) == 0);
	}
	env_release(&again);
	buf_release(&once);
	buf_release(&twice);
	buf_release(&why);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf text = BUF_INIT, why = BUF_INIT;
	struct env list = ENV_INIT, file = ENV_INIT;

	buf_add(&text, data, size);
	must((env_parse_list(&list, buf_str(&text), &why) == 0) == (why.len == 0));
	reads_the_same(&list);
	buf_reset(&why);
	must((env_parse_file(&file, "file", buf_str(&text), text.len, &why) == 0) == (why.len == 0));
	must(!has_newline(&file));
	reads_the_same(&file);
	env_release(&list);
	env_release(&file);
	buf_release(&text);
	buf_release(&why);
	return 0;
}

#include "../fuzz/replay.h"
