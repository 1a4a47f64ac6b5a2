/*
 * proxy - /session/{id}/…: a client's request to an executor and the answer back, streamed both ways.
 * Nothing of a body is looked at, and no more of it is held than the sockets' buffers and one high-water mark: whoever is
 * slow stops the other side.  Not passed on, either way: hop-by-hop fields, those named in Connection, Authorization,
 * X-Execmgr-*, X-Forwarded-*.  Source: RFC 9110, 7.6.
 */
#ifndef PROXY_H
#define PROXY_H

#include "manager.h"

/* target: what the executor gets, a path with query; borrowed from the request's head. */
void	proxy_start(struct manager *m, struct http_req *req, struct container *ct, const char *target);
/* Answer what runs in this container, or cut it where the answer has begun. */
void	proxy_fail_all(struct container *ct, enum fault fault);
/* The same for all containers: the manager stops. */
void	proxy_stop(struct manager *m);

#endif
