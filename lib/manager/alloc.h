/*
 * alloc - requests that take containers and give them back.
 * Whoever waits is on a list of m->allocs from the moment it cannot be answered at once until it is answered, has left, or its
 * time is over.  A container that is dirty is restarted, and one not heard of for a second is asked whether it is ready, before
 * its client gets it; if that fails the client keeps its place in the queue.
 */
#ifndef ALLOC_H
#define ALLOC_H

#include "manager.h"

/* POST /allocate: type NULL: any; owner NULL: none. */
void	alloc_begin(struct manager *m, struct http_req *req, struct pool_type *t, int64_t wait_ms, const char *owner);
/* POST /deallocate/{id} of an allocated container. */
void	alloc_release(struct manager *m, struct http_req *req, struct container *ct);
/* POST /restart: restart and release all that are allocated. */
void	alloc_release_all(struct manager *m, struct http_req *req);
/* Give those who wait what has become free. */
void	alloc_serve(struct manager *m);
/* Answer those who wait for a container: there will be none.  The manager stops. */
void	alloc_stop(struct manager *m);
/* Answer also those who wait for a restart. */
void	alloc_stop_now(struct manager *m);
void	alloc_forget(struct manager *m);	/* at the very end, when neither requests nor health are left */

#endif
