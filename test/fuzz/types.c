/* Whatever a specification says: what it is taken for, written out again, reads the same; a complaint points into it. */
#include <stdint.h>

#include "base/buf.h"
#include "deploy/types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool held)
{
	if (!held)
		abort();
}

static void
write_out(const struct types *t, struct buf *out)
{
	for (size_t i = 0; i < t->n; i++) {
		must(types_name_ok(t->item[i].name, strlen(t->item[i].name)));
		must(t->item[i].count >= 1 && t->item[i].count <= TYPES_TOTAL_MAX);
		buf_printf(out, "%s%s", i > 0 ? "," : "", t->item[i].name);
		if (t->item[i].counted)
			buf_printf(out, ":%d", t->item[i].count);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf spec = BUF_INIT, once = BUF_INIT, twice = BUF_INIT;
	struct types t;
	struct types_error err;

	buf_add(&spec, data, size);
	if (types_parse(buf_str(&spec), &t, &err) < 0) {
		must(err.what != NULL && err.offset + err.len <= strlen(buf_str(&spec)));
	} else {
		write_out(&t, &once);
		types_release(&t);
		must(types_parse(buf_str(&once), &t, &err) == 0);
		write_out(&t, &twice);
		types_release(&t);
		must(strcmp(buf_str(&once), buf_str(&twice)) == 0);
	}
	buf_release(&spec);
	buf_release(&once);
	buf_release(&twice);
	return 0;
}

#include "../fuzz/replay.h"
