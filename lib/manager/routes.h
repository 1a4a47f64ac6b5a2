/*
 * routes - which path is what, and who may ask.
 *	POST /allocate   POST /deallocate/{id}   POST /restart   any /session/{id}/…   GET /status   GET /containers   GET /health
 * Refused before anything else: a Host that --allowed-host does not name, a page of another site, an executor's own address.
 * Source: README, "Interface".
 */
#ifndef ROUTES_H
#define ROUTES_H

#include "manager.h"

void	routes_request(void *manager, struct http_req *req);	/* http_server_conf.on_request */

#endif
