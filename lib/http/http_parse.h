/*
 * http_parse - HTTP/1.x messages, both directions, on llhttp (RFC 9112).
 * Stricter than llhttp where its releases differ or where a request smuggler gains: obsolete folding, empty header names,
 * space before the colon, NUL and other controls, two or no Host on 1.1, both Content-Length and Transfer-Encoding,
 * repeated or signed lengths, chunked on 1.0, any Transfer-Encoding but "chunked" are errors.  Knows no sockets.
 */
#ifndef HTTP_PARSE_H
#define HTTP_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_field {
	const char	*name;		/* as sent; NUL-terminated, compare without case */
	const char	*value;		/* blanks around it removed; NUL-terminated, holds no NUL */
};

enum http_body { HTTP_BODY_NONE, HTTP_BODY_LENGTH, HTTP_BODY_CHUNKED, HTTP_BODY_TO_CLOSE /* answers only */ };

/* The head of one message.  Borrowed: valid as long as the request or call that showed it. */
struct http_head {
	const char		*method;	/* requests: case kept; NULL in answers */
	const char		*target;	/* requests: origin form "/path?query" (absolute form is reduced to it) */
	int			 status;	/* answers */
	int			 minor;		/* HTTP/1.minor */
	const struct http_field	*fields;	/* in the order sent */
	size_t			 nfields;
	enum http_body		 body;
	uint64_t		 length;	/* bytes, HTTP_BODY_LENGTH only */
	bool			 keep_alive;	/* the peer lets the connection live on */
	bool			 expect_continue;	/* requests */
};

/* Value of the first field of that name, NULL: none. */
const char *http_head_get(const struct http_head *head, const char *name);
/*
 * True where a field must not be forwarded: hop-by-hop (Connection, Keep-Alive, Proxy-*, TE, Trailer, Transfer-Encoding,
 * Upgrade, Expect) or named in this head's Connection field.  RFC 9110, 7.6.1.
 */
bool	http_head_is_hop(const struct http_head *head, const char *name);

/* The parser itself follows here: used by http_server, http_client and the fuzz target. */

#endif
