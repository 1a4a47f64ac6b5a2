/*
 * files - GET, HEAD, PUT and DELETE /files/{path}: what is in the working directory of the kernel that serves.
 * A request is for that kernel: where it is replaced meanwhile, the answer is 503, or is cut, at once, and the next one's directory
 * has nothing of it.  The code in the kernel may change everything there at any moment; see beneath.h and upload.h for what it gains.
 * What blocks is done in the thread, a slice at a time, so that transfers take turns; a transfer holds one slice.
 */
#ifndef FILES_H
#define FILES_H

#include "routes.h"

#define FILES_SLICE		(128u << 10)	/* bytes read at a time */
#define FILES_REMOVED_MAX	10000		/* entries removed at a time */
#define FILES_TRANSFERS_MAX	64		/* requests under way: one more gets 429 */

bool	files_is_path(const char *path, size_t len);	/* is it below /files/? */
void	files(struct routes *rt, struct http_req *req);
void	files_end_all(struct routes *rt);		/* the kernel is being replaced: no transfer keeps what is removed now */

#endif
