/*
 * http_client - calls to HTTP/1.1 servers on a libuv loop, over kept-alive connections pooled by endpoint.
 * A call ends exactly once: on_end is called, or it is cancelled; afterwards it is gone.  Never calls back from within
 * http_call_start().  A call is tried again, on a new connection, only where a pooled connection turned out to be
 * closed before a byte of the call was sent.  Names are resolved in libuv's threads, anew for each connection.
 */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include <uv.h>

#include "buf.h"
#include "http_parse.h"
#include "uri.h"

struct http_client;
struct http_call;

struct http_client_conf {
	size_t	header_bytes;	/* cap on an answer's header block: 32 KiB */
	int64_t	connect_ms;	/* name look-up and connection together: 5 s */
	int64_t	idle_ms;	/* a pooled connection is closed after this: 60 s (servers here wait 75 s) */
	unsigned idle_per_endpoint;	/* pooled connections kept for one endpoint: 256 */
};

#define HTTP_CLIENT_CONF_INIT { 32768, 5000, 60000, 256 }

struct http_call_spec {
	const struct endpoint	*to;		/* copied */
	const char		*method, *target;	/* copied */
	const struct http_field	*fields;	/* copied; Host, Content-Length, Transfer-Encoding are made here */
	size_t			 nfields;
	int64_t			 length;	/* body bytes that http_call_write() will bring; 0: none; -1: chunked */
	void			*arg;
	/* The final answer's head (1xx are swallowed); borrowed for the life of the call. */
	void	(*on_head)(void *arg, const struct http_head *head);
	void	(*on_data)(void *arg, const char *bytes, size_t len);
	void	(*on_drain)(void *arg);		/* after a http_call_write() that said false */
	/*
	 * err 0: the answer is complete.  -ECANCELED never.  Else -errno: -ECONNREFUSED, -ENOENT (name or socket file),
	 * -ETIMEDOUT (connecting) and the like with sent false; -ECONNRESET (closed early), -EPROTO (no proper HTTP) with
	 * sent true: bytes of the call had gone out, so the server may have acted on it.
	 */
	void	(*on_end)(void *arg, int err, bool sent);
};

struct http_client *http_client_new(uv_loop_t *loop, const struct http_client_conf *conf);	/* NULL: no memory */
void	http_client_free(struct http_client **c);	/* calls under way are cancelled */

/* NULL: out of memory (no call back). */
struct http_call *http_call_start(struct http_client *c, const struct http_call_spec *spec);
bool	http_call_write(struct http_call *call, const void *bytes, size_t len);	/* false: taken, wait for on_drain */
void	http_call_finish(struct http_call *call);	/* the body is complete; not where length is 0 */
void	http_call_pause(struct http_call *call);	/* take no more of the answer from the network … */
void	http_call_resume(struct http_call *call);	/* … until now */
void	http_call_cancel(struct http_call *call);	/* no call back any more; the connection is closed */

/*
 * A small call as a whole: body (may be NULL) is copied; cb once, err as on_end's, or -EFBIG: answer above max bytes,
 * -ETIMEDOUT: not complete within timeout_ms.  head and body are borrowed for the call and NULL unless err is 0.
 * Cancel with http_fetch_cancel() before cb. NULL: out of memory.
 */
struct http_fetch;
struct http_fetch *http_fetch(struct http_client *c, const struct endpoint *to, const char *method, const char *target,
	    const char *body, size_t len, size_t max, int64_t timeout_ms,
	    void (*cb)(void *arg, int err, const struct http_head *head, const char *body, size_t len), void *arg);
void	http_fetch_cancel(struct http_fetch *f);

#endif
