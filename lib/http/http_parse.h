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
	uint64_t		 length;	/* the declared Content-Length; 0: none */
	bool			 has_length;	/* it was declared; answers to HEAD and 304 declare one and bring no body */
	bool			 keep_alive;	/* the peer lets the connection live on */
	bool			 expect_continue;	/* requests */
};

/* Value of the first field of that name, NULL: none. */
const char *http_head_get(const struct http_head *head, const char *name);
/* The weight, 0 to 1000, that the Accept fields give a media type by its own name (ranges with * are not looked at); 0: none. */
int	http_head_quality(const struct http_head *head, const char *type);
/*
 * True where a field must not be forwarded: hop-by-hop (Connection, Keep-Alive, Proxy-*, TE, Trailer, Transfer-Encoding,
 * Upgrade, Expect) or named in this head's Connection field.  RFC 9110, 7.6.1.
 */
bool	http_head_is_hop(const struct http_head *head, const char *name);

/* What to hand to http_req_begin() so that an answer passes on as it came: its length, -1 where none was declared. */
int64_t	http_head_length(const struct http_head *head);

/* ---- the parser: used by http_server, http_client and the fuzz target ---- */

enum http_side { HTTP_REQUESTS, HTTP_ANSWERS };

enum http_got {
	HTTP_GOT_MORE,		/* all was used; the message goes on */
	HTTP_GOT_HEAD,		/* http_parser_head() is complete */
	HTTP_GOT_END,		/* the message is complete; http_parser_next() before the next one */
};

struct http_parser;			/* opaque: one direction of one connection */

/* header_bytes, url_bytes: caps, beyond which an error.  on_data gets the body in pieces, within http_parser_run(). */
struct http_parser *http_parser_new(enum http_side side, size_t header_bytes, size_t url_bytes,
	    void (*on_data)(void *arg, const char *bytes, size_t len), void *arg);	/* NULL: out of memory */
void	http_parser_free(struct http_parser **p);
/*
 * Take bytes off the network; *ret_used says how many of them, up to the next of these:
 * HTTP_GOT_…, -EPROTO: not acceptable (http_parser_status(), http_parser_why()), -ENOMEM.
 * What comes out does not depend on how the input is cut into pieces.  After an error every call fails alike.
 */
int	http_parser_run(struct http_parser *p, const char *bytes, size_t len, size_t *ret_used);
/* The connection has ended: 0, the message ended with it (HTTP_BODY_TO_CLOSE), or none had begun; -ECONNRESET. */
int	http_parser_eof(struct http_parser *p);
/* Ready for the next message; the last head is gone.  to_head: what comes answers a HEAD request, it has no body. */
void	http_parser_next(struct http_parser *p, bool to_head);
void	http_parser_trim(struct http_parser *p);	/* give memory back; between messages only */
const struct http_head *http_parser_head(const struct http_parser *p);
bool	http_parser_begun(const struct http_parser *p);		/* some byte of the message has come */
bool	http_parser_complete(const struct http_parser *p);	/* all of it has come */
int	http_parser_status(const struct http_parser *p);	/* after -EPROTO of a request: 400, 414, 431 */
const char *http_parser_why(const struct http_parser *p);	/* after -EPROTO: a sentence, static text */

/* A token (method, field name), RFC 9110, 5.6.2; a field's value, which holds no controls but tabs. */
bool	http_is_token(const char *s);
bool	http_is_value(const char *s);
const char *http_reason(int status);		/* "Not Found"; "" for one without a name here */

#endif
