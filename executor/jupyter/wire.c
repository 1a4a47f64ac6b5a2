/* wire - Jupyter messages as ZeroMQ frames; see wire.h. */
#include <errno.h>
#include <inttypes.h>
#include <sys/random.h>
#include <time.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/utf8.h"
#include "wire.h"

#define DELIMITER "<IDS|MSG>"
#define REMEMBERED 1024		/* signatures, each in the place that its own value gives it */

struct wire {
	EVP_MAC		*mac;
	EVP_MAC_CTX	*keyed;		/* holds the key; initialised anew for each message */
	char		 session[33];
	uint64_t	 sent;		/* messages made: the rest of their ids */
	struct buf	 repaired;	/* content whose bad UTF-8 was replaced */
	uint64_t	 seen[REMEMBERED];	/* the beginnings of signatures */
};

struct wire *
wire_new(const char *key, const char *session)
{
	struct wire *w = calloc(1, sizeof *w);
	OSSL_PARAM params[2];
	char digest[] = "SHA256";

	if (!w)
		return NULL;
	params[0] = OSSL_PARAM_construct_utf8_string("digest", digest, 0);
	params[1] = OSSL_PARAM_construct_end();
	snprintf(w->session, sizeof w->session, "%s", session);
	w->mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	w->keyed = w->mac ? EVP_MAC_CTX_new(w->mac) : NULL;
	if (!w->keyed || !EVP_MAC_init(w->keyed, (const unsigned char *)key, strlen(key), params))
		wire_free(&w);
	return w;
}

void
wire_free(struct wire **w)
{
	if (!*w)
		return;
	EVP_MAC_CTX_free((*w)->keyed);
	EVP_MAC_free((*w)->mac);
	buf_release(&(*w)->repaired);
	free(*w);
	*w = NULL;
}

/* HMAC over the four JSON frames, as hexadecimal digits. */
static int
sign(struct wire *w, const struct wire_frame *json, char out[WIRE_SIG_LEN + 1])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char mac[32];
	size_t n = 0;

	if (!EVP_MAC_init(w->keyed, NULL, 0, NULL))
		return -ENOMEM;
	for (int i = 0; i < 4; i++)
		if (!EVP_MAC_update(w->keyed, json[i].data, json[i].len))
			return -ENOMEM;
	if (!EVP_MAC_final(w->keyed, mac, &n, sizeof mac) || n != sizeof mac)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[mac[i] >> 4];
		out[2 * i + 1] = digits[mac[i] & 15];
	}
	out[WIRE_SIG_LEN] = '\0';
	return 0;
}

static void
put_member(struct buf *b, const char *key, const char *value)
{
	json_put_key(b, key);
	json_put_str(b, value);
}

static void
put_date(struct buf *b)
{
	char date[40];
	struct timespec now;
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	n = strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(date + n, sizeof date - n, ".%06ldZ", now.tv_nsec / 1000);
	put_member(b, "date", date);
}

int
wire_encode(struct wire *w, const char *type, const char *parent, size_t parent_len,
    const char *content, size_t len, struct wire_out *out)
{
	struct buf *h = &out->header;
	int r;

	snprintf(out->id, sizeof out->id, "%.32s-%" PRIu64, w->session, ++w->sent);
	buf_reset(h);
	json_put_open(h, '{');
	put_member(h, "msg_id", out->id);
	put_member(h, "session", w->session);
	put_member(h, "username", "execmgr");
	put_date(h);
	put_member(h, "msg_type", type);
	put_member(h, "version", WIRE_PROTOCOL);
	json_put_close(h, '}');
	if (buf_error(h) < 0)
		return -ENOMEM;
	out->frame[0] = (struct wire_frame){ DELIMITER, sizeof DELIMITER - 1 };
	out->frame[2] = (struct wire_frame){ h->data, h->len };
	out->frame[3] = parent ? (struct wire_frame){ parent, parent_len } : (struct wire_frame){ "{}", 2 };
	out->frame[4] = (struct wire_frame){ "{}", 2 };
	out->frame[5] = (struct wire_frame){ content, len };
	if ((r = sign(w, &out->frame[2], out->signature)) < 0)
		return r;
	out->frame[1] = (struct wire_frame){ out->signature, WIRE_SIG_LEN };
	return 0;
}

void
wire_out_release(struct wire_out *out)
{
	buf_release(&out->header);
}

static int
object(const struct wire_frame *f, struct json *ret)
{
	struct json_error err;
	int r = json_scan(f->data, f->len, 0, ret, &err);

	if (r == 0 && ret->kind != JSON_OBJECT)
		return -EBADMSG;
	return r == 0 || r == -ENOMEM ? r : -EBADMSG;
}

/* The content again, each byte that is no UTF-8 replaced. */
static int
repair(struct wire *w, const struct wire_frame *f, struct json *ret)
{
	const char *p = f->data, *end = p + f->len, *good = p;
	struct buf *b = &w->repaired;
	struct wire_frame whole;

	buf_reset(b);
	while (p < end) {
		size_t n = (unsigned char)*p < 0x80 ? 1 : utf8_char(p, (size_t)(end - p));

		if (n == 0) {
			buf_add(b, good, (size_t)(p - good));
			buf_puts(b, "\xef\xbf\xbd");
			good = ++p;
		} else
			p += n;
	}
	buf_add(b, good, (size_t)(end - good));
	if (buf_error(b) < 0)
		return -ENOMEM;
	whole = (struct wire_frame){ b->data, b->len };
	return object(&whole, ret);
}

static int
decode_content(struct wire *w, const struct wire_frame *f, struct json *ret)
{
	int r;

	buf_release(&w->repaired);	/* may be the size of a flood: not kept */
	r = object(f, ret);
	return r == -EBADMSG && f->len > 0 ? repair(w, f, ret) : r;
}

/* A signature covers the message's id: one that is known is a replay. */
static bool
is_replay(struct wire *w, const char *signature)
{
	uint64_t value = 0, *place;

	for (int i = 0; i < 16; i++)
		value = value << 4 | (uint64_t)(signature[i] <= '9' ? signature[i] - '0' : signature[i] - 'a' + 10);
	place = &w->seen[value % REMEMBERED];
	if (*place == value)
		return true;
	*place = value;
	return false;
}

int
wire_decode(struct wire *w, const struct wire_frame *frame, size_t n, struct wire_msg *ret)
{
	struct wire_msg m = { .parent_id = { .len = 0 } };
	char expected[WIRE_SIG_LEN + 1];
	const struct wire_frame *json;
	size_t i = 0;
	int r;

	while (i < n && (frame[i].len != sizeof DELIMITER - 1 || memcmp(frame[i].data, DELIMITER, frame[i].len) != 0))
		i++;
	if (n - i < WIRE_OUT_FRAMES)
		return -EPROTO;
	json = &frame[i + 2];
	if ((r = sign(w, json, expected)) < 0)
		return r;
	if (frame[i + 1].len != WIRE_SIG_LEN || CRYPTO_memcmp(frame[i + 1].data, expected, WIRE_SIG_LEN) != 0)
		return -EACCES;
	if (is_replay(w, expected))
		return -EALREADY;
	if ((r = object(&json[0], &m.header)) < 0 || (r = object(&json[1], &m.parent)) < 0 ||
	    (r = object(&json[2], &m.metadata)) < 0 || (r = decode_content(w, &json[3], &m.content)) < 0)
		return r;
	if (!json_get(m.header, "msg_type", &m.type) || m.type.kind != JSON_STRING)
		return -EBADMSG;
	if (!json_get(m.parent, "msg_id", &m.parent_id) || m.parent_id.kind != JSON_STRING)
		m.parent_id.len = 0;
	*ret = m;
	return 0;
}

void
wire_put_execute(struct buf *out, const char *code, size_t len, bool silent, bool store_history, bool stdin_allowed)
{
	json_put_open(out, '{');
	json_put_key(out, "code");
	json_put_raw(out, code, len);
	json_put_key(out, "silent");
	json_put_bool(out, silent);
	json_put_key(out, "store_history");
	json_put_bool(out, store_history);
	json_put_key(out, "user_expressions");
	json_put_raw(out, "{}", 2);
	json_put_key(out, "allow_stdin");
	json_put_bool(out, stdin_allowed);
	json_put_key(out, "stop_on_error");
	json_put_bool(out, false);
	json_put_close(out, '}');
}

int
wire_random(char out[33])
{
	unsigned char raw[16];

	if (getrandom(raw, sizeof raw, 0) != sizeof raw)
		return -EIO;
	for (size_t i = 0; i < sizeof raw; i++)
		snprintf(out + 2 * i, 3, "%02x", raw[i]);
	return 0;
}
