/*
 * outputs - what a cell produces, from the kernel's messages and bytes.  Pure: no sockets, no clock.
 * Terminal control sequences are taken out of streams and errors unless `ansi`, characters and sequences that are split over
 * messages are put together; then everything goes to items, which keeps it for the array of one answer, or to lines, which
 * sends it as it comes.  An error is cut to OUTPUTS_ERROR_MAX.
 */
#ifndef OUTPUTS_H
#define OUTPUTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"
#include "bundle.h"
#include "lines.h"

#define OUTPUTS_ERROR_MAX 65536		/* bytes of an error's value, and of its traceback */

struct outputs;

struct outputs *outputs_new(size_t max_bytes, bool ansi);	/* kept, as items; NULL: out of memory */
struct outputs *outputs_new_lines(const struct lines_conf *conf, bool ansi);	/* sent */
void	outputs_free(struct outputs **o);

/*
 * An iopub message: stream, execute_result, display_data, update_display_data, clear_output, error.  All else is ignored.
 * 0; -EBADMSG: its content is not what the specification says (nothing is changed).
 */
int	outputs_message(struct outputs *o, struct json type, struct json content);
/* Bytes read from the kernel's own descriptor 1 or 2; a character may be split over calls. */
void	outputs_bytes(struct outputs *o, enum outputs_stream name, const char *bytes, size_t len);
/* An error of the executor's own; traceback is the one held (below), if any. */
void	outputs_error(struct outputs *o, const char *name, const char *value);
/* An error as execute_reply has it: ename, evalue, traceback. */
int	outputs_reply_error(struct outputs *o, struct json content);
/* From now on errors of the kernel are not shown; the traceback of the last is held for outputs_error(). */
void	outputs_hold_errors(struct outputs *o);
/* A bundle shown as display: page payloads of execute_reply. */
int	outputs_display(struct outputs *o, struct json data);

/* Of lines: what was made so far goes out now. */
void	outputs_flush(struct outputs *o);
/* No more comes: sequences that had begun are text. */
void	outputs_end(struct outputs *o);
/* The JSON array of items. */
void	outputs_format(const struct outputs *o, struct buf *out);

bool	outputs_has_error(const struct outputs *o);	/* an error was shown or held */
uint64_t outputs_dropped(const struct outputs *o);	/* bytes */
bool	outputs_failed(const struct outputs *o);	/* memory was short: something is missing */

#endif
