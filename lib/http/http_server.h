/*
 * http_server - HTTP/1.1 on a libuv loop: one connection, one request at a time, answers in order.
 * A request exists from its complete head until its answer is complete, or until its client has left: on_gone is called
 * once then, and the request is gone when it returns.  Nothing here blocks; bodies stream both ways with back-pressure.
 * What a client does wrong (framing, caps, deadlines, CONNECT and TRACE) is answered here, as {"detail":…,"error":…}, and
 * closed.  Handlers are called by the loop only, never from within a function of this header; they may call all of them.
 * A client that has left is noticed at once, or within 4 s: one that ends its writing side after a complete request may still
 * wait for its answer, as nc -N does, or be dead; on TCP it is probed with "100 Continue", which a living one skips (an
 * HTTP/1.0 client that did so counts as gone).
 * The program ignores SIGPIPE, and raises its limit of descriptors: a server keeps to half of it.
 * Source: RFC 9110, RFC 9112.
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include <stdarg.h>
#include <sys/socket.h>
#include <uv.h>

#include "buf.h"
#include "fault.h"
#include "http_parse.h"
#include "uri.h"

struct http_server;
struct http_req;

struct http_server_conf {
	size_t		 header_bytes;		/* cap on a header block: 32 KiB (431 beyond) */
	size_t		 url_bytes;		/* cap on a request target: 8 KiB (414 beyond) */
	unsigned	 connections;		/* cap: 1000; at the cap the longest-idle kept-alive connection goes */
	int64_t		 header_ms;		/* whole head, from its first byte or the connection: 10 s (408) */
	int64_t		 idle_ms;		/* between requests, and between two reads of a body: 75 s */
	int64_t		 write_ms;		/* a client that takes not one byte of its answer: 75 s, then cut */
	/* A request's head is complete.  Reads its body or not, answers now or later. */
	void		(*on_request)(void *arg, struct http_req *req);
	void		*arg;
};

#define HTTP_SERVER_CONF_INIT { 32768, 8192, 1000, 10000, 75000, 75000, NULL, NULL }

/* NULL: out of memory. conf is copied. */
struct http_server *http_server_new(uv_loop_t *loop, const struct http_server_conf *conf);
/* Listen (as often as wanted).  0; -errno with a sentence in *ret_why.  A Unix socket's stale file is replaced, a live
 * one is -EADDRINUSE; the file is removed on close.  Names are resolved at once (start-up only). */
int	http_server_listen(struct http_server *s, const struct endpoint *at, const char **ret_why);
uint16_t http_server_port(const struct http_server *s);		/* of the first TCP listener, as bound; 0: none */
/* Accept no more, close idle connections, end the others after their answer (Connection: close). */
void	http_server_drain(struct http_server *s);
size_t	http_server_requests(const struct http_server *s);	/* requests not yet answered */
size_t	http_server_connections(const struct http_server *s);
/* Cut everything (on_gone is called for requests under way), free s once libuv let go of its handles.  NULLs *s. */
void	http_server_free(struct http_server **s);

/* ---- a request ---- */

const struct http_head *http_req_head(const struct http_req *req);
void	http_req_set_data(struct http_req *req, void *data);
void	*http_req_data(const struct http_req *req);
/* Peer's address; AF_UNIX for a Unix socket. */
const struct sockaddr *http_req_peer(const struct http_req *req);
/* The client left, or was cut, before its answer was complete.  Not called after a complete answer. */
void	http_req_on_gone(struct http_req *req, void (*on_gone)(struct http_req *req));

/*
 * Asks the kernel, now.  False where the client has closed, or may have: it has ended its writing side and has not been
 * probed yet; within 2 s on_gone comes, or this is true.  For a look before it gets what is not easily taken back.
 */
bool	http_req_is_present(const struct http_req *req);

/* Whole body, then cb once: err 0; -EFBIG: more than max bytes (the rest is not read: answer 413).  body is borrowed
 * for the call.  "100 Continue" is sent when asked for.  A client that leaves meanwhile: on_gone, no cb. */
void	http_req_read_all(struct http_req *req, size_t max,
	    void (*cb)(struct http_req *req, int err, const char *body, size_t len));
/* The body in pieces as it comes; on_end once after the last.  Either may answer. */
void	http_req_read(struct http_req *req, void (*on_data)(struct http_req *req, const char *bytes, size_t len),
	    void (*on_end)(struct http_req *req));
void	http_req_pause(struct http_req *req);		/* take no more of the body from the network … */
void	http_req_resume(struct http_req *req);		/* … until now */

/* The client has ended its writing side: it may be waiting for its answer still, or have left (see above). */
bool	http_req_half_closed(const struct http_req *req);

/* A whole answer; 0, or -errno where it is known already that it cannot reach the client.  extra: fields beyond Content-Type, Content-Length, Connection and Date; may be NULL. HEAD sends no body. */
int	http_req_reply(struct http_req *req, int status, const char *type, const void *body, size_t len,
	    const struct http_field *extra, size_t nextra);
/* The same with application/json and a buf whose memory is taken over (no copy of a large body); *body is reset. */
int	http_req_reply_json(struct http_req *req, int status, struct buf *body);
/* {"detail":…,"error":word} with the fault's status; detail starts with a capital. */
void	http_req_fail(struct http_req *req, enum fault fault, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));
/* The same with extra fields (Retry-After, Allow) or another status. */
void	http_req_fail_with(struct http_req *req, int status, const char *word, const char *detail,
	    const struct http_field *extra, size_t nextra);

/* A streamed answer: head with all its fields (Content-Length and Transfer-Encoding excepted: they are made from length;
 * -1: until the end is known, chunked or, for HTTP/1.0, by closing).  Then write…, end. */
void	http_req_begin(struct http_req *req, int status, const struct http_field *fields, size_t nfields, int64_t length);
/* True: go on.  False: taken, but the client is slow; stop until on_drain (or on_gone). Bytes beyond a declared length are a bug (assert). */
bool	http_req_write(struct http_req *req, const void *bytes, size_t len);
void	http_req_on_drain(struct http_req *req, void (*on_drain)(struct http_req *req));
void	http_req_end(struct http_req *req);		/* req is gone */
void	http_req_abort(struct http_req *req);		/* cut the connection: req is gone, on_gone is not called */
bool	http_req_begun(const struct http_req *req);	/* the head of the answer is on its way */

#endif
