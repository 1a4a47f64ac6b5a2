/*
 * uri - where an HTTP server is, and the parts of a request target (RFC 3986).
 */
#ifndef URI_H
#define URI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

/* Where a server listens: a host and port, or a Unix socket. */
struct endpoint {
	bool		is_unix;
	uint16_t	port;		/* host and port only; 80 where the url names none */
	char		host[256];	/* a name or an address, IPv6 without brackets */
	char		path[108];	/* Unix socket only (sun_path holds no more) */
};

/*
 * "http://host[:port][/]", "host" may be [::1]; "unix:/path.sock".
 * 0; -EINVAL: *ret_why (static text) says what is wrong: https, userinfo, a path, a port above 65535, ….
 */
int	uri_parse_endpoint(const char *url, struct endpoint *ret, const char **ret_why);
/* "ADDR:PORT" style pieces as a listener is named: addr is a name, an address (brackets allowed) or "unix:/path". */
int	uri_make_endpoint(const char *addr, uint16_t port, struct endpoint *ret, const char **ret_why);
/* The url of an endpoint, as uri_parse_endpoint() takes it. */
void	uri_format_endpoint(const struct endpoint *e, struct buf *out);
/* What goes into the Host field: "host:port", "[::1]:80", "localhost" for a Unix socket. */
void	uri_format_host(const struct endpoint *e, struct buf *out);

/* Percent-decoding; '+' is a blank where `form`.  -EINVAL: a bad escape or %00; -ENOMEM. */
int	uri_decode(const char *text, size_t len, bool form, struct buf *out);
/* Escape all but unreserved characters. */
void	uri_encode(const char *text, size_t len, struct buf *out);
/*
 * Value of `key` in the query of target ("/x?a=1&b"), decoded, appended to out.
 * 1: found; 0: absent; -EINVAL: a bad escape; -EEXIST: given twice; -ENOMEM.
 */
int	uri_query(const char *target, const char *key, struct buf *out);
/* Length of the path of a target: up to '?' or the end. */
size_t	uri_path_len(const char *target);
/* A container id: decimal, 0 to 2147483647, no sign, no leading zero.  0, -EINVAL. */
int	uri_parse_id(const char *text, size_t len, int *ret_id);

#endif
