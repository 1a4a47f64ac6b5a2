/* bundle - the JSON of single outputs; see bundle.h. */
#include "bundle.h"

#define ID_MAX	1024		/* bytes of a display id as JSON: a longer one is none */

void
bundle_format(struct json content, struct buf *out)
{
	struct json v;

	json_put_key(out, "data");
	if (json_get(content, "data", &v))
		json_put_raw(out, v.p, v.len);
	else
		json_put_raw(out, "{}", 2);
	json_put_key(out, "metadata");
	if (json_get(content, "metadata", &v) && v.kind == JSON_OBJECT)
		json_put_raw(out, v.p, v.len);
	else
		json_put_raw(out, "{}", 2);
}

char *
bundle_display_id(struct json content)
{
	struct buf b = BUF_INIT;
	struct json transient, id;

	if (!json_get(content, "transient", &transient) || !json_get(transient, "display_id", &id) ||
	    id.kind != JSON_STRING || id.len > ID_MAX || json_text(id, &b) < 0) {
		buf_release(&b);
		return NULL;
	}
	return b.data ? b.data : strdup("");
}

void
bundle_open_text(struct buf *out, enum outputs_stream name)
{
	json_put_open(out, '{');
	json_put_key(out, "type");
	json_put_str(out, "stream");
	json_put_key(out, "name");
	json_put_str(out, name == OUTPUTS_STDERR ? "stderr" : "stdout");
	json_put_key(out, "text");
	buf_putc(out, '"');
}
