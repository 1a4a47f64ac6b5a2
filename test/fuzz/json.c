/* json - any bytes: a scan that accepts them gives values that can be walked to the last, and whose text is JSON again. */
#include <assert.h>
#include <stdint.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
walk(struct json v)
{
	struct json_iter it = { 0 };
	struct buf b = BUF_INIT;
	struct json key, item, same;
	int64_t n;
	double d;

	if (v.kind == JSON_STRING) {
		struct buf again = BUF_INIT;

		assert(json_text(v, &b) == 0);
		json_put_string(&again, buf_str(&b), b.len);
		assert(json_scan(buf_str(&again), again.len, 0, &same, NULL) == 0 && same.kind == JSON_STRING);
		buf_release(&again);
	}
	json_int(v, INT64_MIN, INT64_MAX, &n);
	json_double(v, &d);
	while (json_next(v, &it, &key, &item)) {
		assert(item.p > v.p && item.p + item.len < v.p + v.len);
		walk(item);
	}
	assert(json_scan(v.p, v.len, 0, &same, NULL) == 0 && same.len == v.len);
	buf_release(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_error e;
	struct json v;

	if (size > 4096)		/* walk() is quadratic in depth */
		return 0;
	if (json_scan((const char *)data, size, size & 1, &v, &e) == 0)
		walk(v);
	else
		assert(e.what && e.offset <= size);
	return 0;
}

#include "replay.h"
