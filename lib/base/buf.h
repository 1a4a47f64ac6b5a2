/*
 * buf - a growable run of bytes.
 * An append that finds no memory sets `failed` and changes nothing; later appends do nothing, so that a
 * caller builds a whole text and checks once, with buf_error().  data[len] is always NUL once something was
 * added: buf_str() is a C string for as long as the buffer is not touched.
 */
#ifndef BUF_H
#define BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
	char	*data;		/* NULL until the first append */
	size_t	 len;		/* bytes, without the NUL */
	size_t	 cap;		/* bytes allocated */
	bool	 failed;	/* an append found no memory */
};

#define BUF_INIT { NULL, 0, 0, false }

void	buf_release(struct buf *b);			/* frees the bytes; b is as after BUF_INIT */
void	buf_reset(struct buf *b);			/* empty, not failed; keeps its memory */
int	buf_reserve(struct buf *b, size_t extra);	/* 0, -ENOMEM: room for `extra` more bytes */
void	buf_add(struct buf *b, const void *bytes, size_t len);
void	buf_puts(struct buf *b, const char *s);
void	buf_putc(struct buf *b, char c);
void	buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void	buf_vprintf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
void	buf_consume(struct buf *b, size_t n);		/* drop the first n bytes (n <= len) */
void	buf_truncate(struct buf *b, size_t len);	/* keep the first len bytes */
const char *buf_str(const struct buf *b);		/* never NULL */
int	buf_error(const struct buf *b);			/* 0 or -ENOMEM */

/* Read all of descriptor fd to its end.  0; -EFBIG: more than max bytes; -errno of read(2). */
int	buf_read_fd(struct buf *b, int fd, size_t max);
/* Read a whole file, or pipe, by name.  0; -EFBIG; -errno of open(2) or read(2) (-EISDIR: a directory). */
int	buf_read_file(struct buf *b, const char *path, size_t max);

#endif
