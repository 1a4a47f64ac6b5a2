/*
 * boot - what ipykernel is told in itself before it is ready: code run silently once, which leaves no name behind.
 * It makes output lossless (ZMQ_XPUB_NODROP) and bounded in size a message, keeps the order of what child processes write,
 * ends the code, not the kernel, at exit(), gives child processes of "!" an empty stdin, lets a crash print its traceback, and brings the loader of WORKSPACE_FOLDER.
 */
#ifndef BOOT_H
#define BOOT_H

#include "base/buf.h"

/* Python source; workspace (NULL: none) is put at the end of sys.path; token: of marks.h. */
void	boot_python(const char *workspace, const char *token, struct buf *out);
/* Python source that runs one file of the workspace in the user's namespace, with its own __file__. */
void	boot_python_load(const char *path, struct buf *out);

#endif
