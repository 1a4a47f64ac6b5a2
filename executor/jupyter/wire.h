/*
 * wire - Jupyter messages as ZeroMQ frames: made, signed, checked, taken apart.  No sockets.
 * [identities …] "<IDS|MSG>" signature header parent_header metadata content [buffers …]; the signature is the HMAC-SHA256
 * of the four JSON frames in hexadecimal.  A message whose signature, delimiter, frames or JSON are wrong is refused.
 * Source: Jupyter messaging specification 5.x, "The wire protocol".
 */
#ifndef WIRE_H
#define WIRE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/json.h"

#define WIRE_PROTOCOL	"5.3"	/* the version this side speaks */
#define WIRE_SIG_LEN	64	/* SHA-256 in hexadecimal */
#define WIRE_ID_MAX	56	/* a message id made here, with its NUL */
#define WIRE_FRAMES_MAX	64	/* frames looked at; a message of more is refused by the reader */
#define WIRE_OUT_FRAMES	6

struct wire_frame {
	const void	*data;
	size_t		 len;
};

/* A message taken apart; all spans are borrowed from its frames, or from the wire until the next wire_decode(). */
struct wire_msg {
	struct json	type;		/* header.msg_type, a string */
	struct json	header;		/* objects */
	struct json	parent;
	struct json	metadata;
	struct json	content;
	struct json	parent_id;	/* parent.msg_id, a string; len 0: none */
};

/* A message to send: frame[0..WIRE_OUT_FRAMES-1]; the last one is the caller's content. */
struct wire_out {
	char			id[WIRE_ID_MAX];	/* its msg_id */
	char			signature[WIRE_SIG_LEN + 1];
	struct buf		header;
	struct wire_frame	frame[WIRE_OUT_FRAMES];
};

#define WIRE_OUT_INIT { .header = BUF_INIT }

struct wire;

/* One for each kernel incarnation: `key` signs, `session` is the prefix of its message ids.  NULL: out of memory. */
struct wire *wire_new(const char *key, const char *session);
void	wire_free(struct wire **w);

/*
 * Make a message of `type`.  content: JSON object, borrowed until out is released; parent: header of the message it answers,
 * as JSON text (NULL: none), borrowed likewise.  Ids never repeat.  0; -ENOMEM.
 */
int	wire_encode(struct wire *w, const char *type, const char *parent, size_t parent_len,
	    const char *content, size_t len, struct wire_out *out);
void	wire_out_release(struct wire_out *out);

/*
 * Take a received message apart; identities before the delimiter are skipped, buffers ignored.  Bytes of the content that
 * are no UTF-8 are replaced by U+FFFD: kernels send them in stream text.  A message that has come before is refused.
 *    0        *ret filled
 *   -EPROTO   no delimiter, or frames are missing
 *   -EACCES   the signature is wrong
 *   -EALREADY it is one of the last thousand or so again
 *   -EBADMSG  not JSON objects, or no msg_type
 *   -ENOMEM
 */
int	wire_decode(struct wire *w, const struct wire_frame *frame, size_t n, struct wire_msg *ret);

/* Content of an execute_request; code is a JSON string. */
void	wire_put_execute(struct buf *out, const char *code, size_t len, bool silent, bool store_history, bool stdin_allowed);

/* A random key or session name: 32 hexadecimal digits and a NUL.  0, -errno. */
int	wire_random(char out[33]);

#endif
