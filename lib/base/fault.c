/* fault - the stable words of errors; see fault.h. */
#include "base/diag.h"
#include "base/fault.h"
#include "base/json.h"

static const struct {
	const char	*word;
	int		 status;	/* HTTP */
	int		 exit;
} faults[FAULT_COUNT] = {
	[FAULT_BAD_REQUEST]        = { "bad_request",        400, EX_DATAERR },
	[FAULT_UNKNOWN_TYPE]       = { "unknown_type",       400, EX_NOHOST },
	[FAULT_NOT_ALLOCATED]      = { "not_allocated",      400, EX_NOPERM },
	[FAULT_NOT_FOUND]          = { "not_found",          404, EX_NOHOST },
	[FAULT_BAD_ID]             = { "bad_id",             404, EX_NOHOST },
	[FAULT_FORBIDDEN]          = { "forbidden",          403, EX_NOPERM },
	[FAULT_TOO_LARGE]          = { "too_large",          413, EX_DATAERR },
	[FAULT_UNAVAILABLE]        = { "unavailable",        503, EX_UNAVAILABLE },
	[FAULT_NONE_AVAILABLE]     = { "none_available",     503, EX_TEMPFAIL },
	[FAULT_BUSY]               = { "busy",               429, EX_TEMPFAIL },
	[FAULT_BAD_GATEWAY]        = { "bad_gateway",        502, EX_PROTOCOL },
	[FAULT_OUTCOME_UNKNOWN]    = { "outcome_unknown",    502, EX_PROTOCOL },
	[FAULT_GATEWAY_TIMEOUT]    = { "gateway_timeout",    504, EX_UNAVAILABLE },
	[FAULT_METHOD_NOT_ALLOWED] = { "method_not_allowed", 405, EX_PROTOCOL },
};

const char *
fault_word(enum fault f)
{
	return faults[f].word;
}

int
fault_status(enum fault f)
{
	return faults[f].status;
}

static int
exit_of_status(int status)
{
	switch (status) {
	case 401: case 403:	return EX_NOPERM;
	case 404:		return EX_NOHOST;
	case 405: case 502:	return EX_PROTOCOL;
	case 429:		return EX_TEMPFAIL;
	case 503: case 504:	return EX_UNAVAILABLE;
	}
	return status >= 400 && status < 500 ? EX_DATAERR : EX_PROTOCOL;
}

int
fault_exit(const char *word, int status)
{
	for (size_t i = 0; word && i < FAULT_COUNT; i++)
		if (strcmp(faults[i].word, word) == 0)
			return faults[i].exit;
	return exit_of_status(status);
}

void
fault_format(struct buf *out, const char *word, const char *detail)
{
	json_put_open(out, '{');
	json_put_key(out, "detail");
	json_put_str(out, detail);
	json_put_key(out, "error");
	json_put_str(out, word);
	json_put_close(out, '}');
}
