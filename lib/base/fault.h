/*
 * fault - the stable words of errors, and what each means as an HTTP status and as an exit status.
 * Manager and executor answer {"detail":"A sentence","error":"word"}; a command turns the word into its exit status.
 */
#ifndef FAULT_H
#define FAULT_H

#include "buf.h"

enum fault {
	FAULT_BAD_REQUEST, FAULT_UNKNOWN_TYPE, FAULT_NOT_ALLOCATED, FAULT_NOT_FOUND, FAULT_BAD_ID, FAULT_FORBIDDEN,
	FAULT_TOO_LARGE, FAULT_UNAVAILABLE, FAULT_NONE_AVAILABLE, FAULT_BUSY, FAULT_BAD_GATEWAY, FAULT_OUTCOME_UNKNOWN,
	FAULT_GATEWAY_TIMEOUT, FAULT_METHOD_NOT_ALLOWED,
	FAULT_COUNT
};

const char *fault_word(enum fault f);
int	fault_status(enum fault f);			/* HTTP */
/* Exit status for an answer: by its word, or by its HTTP status where the word is unknown or NULL. */
int	fault_exit(const char *word, int status);
/* {"detail":…,"error":word} appended to out. */
void	fault_format(struct buf *out, const char *word, const char *detail);

#endif
