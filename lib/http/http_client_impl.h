/* http_client_impl - what http_client.c and http_fetch.c share.  Private to them. */
#ifndef HTTP_CLIENT_IMPL_H
#define HTTP_CLIENT_IMPL_H

#include <sys/queue.h>

#include "http/http_client.h"

TAILQ_HEAD(http_fetches, http_fetch);

struct http_fetch {
	struct http_fetches	*list;
	struct http_call	*call;
	int64_t			 left_ms;
	size_t			 max;
	struct buf		 body;
	const struct http_head	*head;		/* the call's */
	void			(*cb)(void *arg, int err, const struct http_head *head, const char *body, size_t len);
	void			*arg;
	TAILQ_ENTRY(http_fetch)	 link;
};

struct http_fetches *http_client_fetches(struct http_client *c);	/* starts the clock for them */
void	http_fetch_tick(struct http_fetches *list, int64_t ms);		/* ms have gone by */

#endif
