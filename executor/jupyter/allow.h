/*
 * allow - who may call the executor: this machine (loopback, Unix sockets), the default gateway (where calls to a published port
 * of a container come from), and listed hosts.  Code in one container of a network must not drive the executor in another.
 * What a name stands for is believed for a few seconds and then looked up anew, and so it is when a stranger calls: a manager
 * that was restarted has another address at once, and its old one may be somebody else's.
 */
#ifndef ALLOW_H
#define ALLOW_H

#include <stdbool.h>
#include <uv.h>

#include "http/http_server.h"

#define ALLOW_HOSTS_MAX	64

struct allow;

/*
 * list: names and addresses, separated by commas or blanks.  0, -ENOMEM; -EINVAL, *ret_what (static text) says what is wrong.
 * decide is called for each request of allow_ask(), at once or later, unless its client has left.
 */
int	allow_new(uv_loop_t *loop, const char *list, void (*decide)(void *arg, struct http_req *req, bool allowed), void *arg,
	    struct allow **ret, const char **ret_what);
void	allow_free(struct allow **a);		/* after the server's end: no request is waiting */

/* Uses the request's data and on_gone until decide is called. */
void	allow_ask(struct allow *a, struct http_req *req);

/* The gateways of default routes in the text of /proc/net/route: their addresses, at most max.  Pure. */
size_t	allow_gateways(const char *routes, struct in_addr *ret, size_t max);

#endif
