/*
 * wire - any frames: refused, or a message whose output makes an answer that is JSON.  The input's lines are the frames; where
 * the second line is "+", the right signature takes its place, so that what lies behind it is reached as well.
 */
#include <assert.h>
#include <errno.h>
#include <stdint.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "../../executor/jupyter/cell.h"
#include "../../executor/jupyter/wire.h"

#define KEY "0123456789abcdef0123456789abcdef"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
sign(const struct wire_frame *json, char out[WIRE_SIG_LEN + 1])
{
	unsigned char mac[32];
	unsigned n = sizeof mac;
	struct buf all = BUF_INIT;

	for (int i = 0; i < 4; i++)
		buf_add(&all, json[i].data, json[i].len);
	HMAC(EVP_sha256(), KEY, sizeof KEY - 1, (const unsigned char *)buf_str(&all), all.len, mac, &n);
	for (unsigned i = 0; i < n; i++)
		snprintf(out + 2 * i, 3, "%02x", mac[i]);
	buf_release(&all);
}

/* Lines are whole, and each is JSON. */
static bool
on_lines(void *arg, struct buf *lines)
{
	const char *p = buf_str(lines), *end;
	struct json_error err;
	struct json v;

	(void)arg;
	for (; (end = strchr(p, '\n')) != NULL; p = end + 1)
		if (json_scan(p, (size_t)(end - p), 0, &v, &err) == -EINVAL)
			abort();
	if (*p != '\0')
		abort();
	return true;
}

static void
use(const struct wire_msg *m, bool stream)
{
	struct cell_spec spec = { .max_bytes = 200, .max_bundle = 100, .on_lines = stream ? on_lines : NULL };
	struct cell *c = cell_new(&spec);
	struct buf answer = BUF_INIT;
	struct json_error err;
	struct json v;

	assert(c);
	for (int i = 0; i < 3; i++)
		if (outputs_message(c->outputs, m->type, m->content) < 0)
			break;
	if (outputs_message(c->outputs, m->header, m->content) != 0)	/* an object is no type */
		abort();
	cell_take_reply(c, &m->content);
	cell_format(c, CELL_OK, 1, true, &answer);
	if (json_scan(buf_str(&answer), answer.len, 0, &v, &err) == -EINVAL) {
		fprintf(stderr, "%s\n", buf_str(&answer));
		abort();
	}
	buf_release(&answer);
	cell_free(&c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_frame frame[WIRE_FRAMES_MAX];
	struct wire *w = wire_new(KEY, "session");
	const char *p = (const char *)data, *end = p + size;
	char signature[WIRE_SIG_LEN + 1];
	struct wire_msg msg;
	size_t n = 0;

	assert(w);
	while (p < end && n < WIRE_FRAMES_MAX) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));

		frame[n++] = (struct wire_frame){ p, (size_t)((nl ? nl : end) - p) };
		p = nl ? nl + 1 : end;
	}
	if (n >= 6 && frame[1].len == 1 && *(const char *)frame[1].data == '+') {
		sign(&frame[2], signature);
		frame[1] = (struct wire_frame){ signature, WIRE_SIG_LEN };
	}
	if (wire_decode(w, frame, n, &msg) == 0) {
		use(&msg, false);
		use(&msg, true);
	}
	wire_free(&w);
	return 0;
}

#include "replay.h"
