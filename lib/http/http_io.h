/*
 * http_io - one stream socket of http_server or http_client: what goes out, in order, with as few system calls as it takes.
 * Small pieces wait in `waiting` until http_io_flush(), so that a head and a short body leave in one call; what the kernel
 * does not take at once is copied to `flying` and written by libuv.  Nothing here calls back except on_written.
 */
#ifndef HTTP_IO_H
#define HTTP_IO_H

#include <uv.h>

#include "buf.h"

#define HTTP_IO_HIGH	65536	/* bytes not yet taken by the kernel above which a writer should wait */
#define HTTP_IO_SMALL	8192	/* a piece below this is copied and waits for the end of the turn of the loop */

struct http_io {
	union {
		uv_handle_t	handle;
		uv_stream_t	stream;
		uv_tcp_t	tcp;
		uv_pipe_t	pipe;
	} u;
	uv_write_t	write;
	struct buf	waiting;	/* not yet tried */
	struct buf	flying;		/* libuv is writing it */
	bool		writing;	/* write and flying are in use */
	bool		is_unix;
	int		error;		/* -errno: nothing goes out any more */
	/* All that was flying is written, or error is set. */
	void		(*on_written)(struct http_io *io);
};

/* A handle without a socket: before uv_tcp_connect() or uv_pipe_connect().  0, -errno. */
int	http_io_init(struct http_io *io, uv_loop_t *loop, bool is_unix, void (*on_written)(struct http_io *io));
int	http_io_open(struct http_io *io, int fd);	/* fd becomes the handle's, and is closed where that fails */
void	http_io_put(struct http_io *io, const void *bytes, size_t len);		/* to wait for the next send or flush */
void	http_io_send(struct http_io *io, const void *bytes, size_t len);	/* after what waits, at once */
void	http_io_send_with(struct http_io *io, const void *bytes, size_t len, const char *tail);	/* and a text after them */
/* The same; takes *own's memory over where it cannot all go at once, and leaves *own empty. */
void	http_io_send_own(struct http_io *io, struct buf *own);
void	http_io_flush(struct http_io *io);
size_t	http_io_pending(const struct http_io *io);	/* bytes the kernel has not taken */
void	http_io_release(struct http_io *io);		/* the buffers; the handle is closed by its owner before */
void	http_io_trim(struct http_io *io);		/* give unused memory back */

#endif
