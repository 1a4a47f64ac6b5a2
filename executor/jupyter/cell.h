/* cell - one request to run code: what it asks, what it has produced, how it ended. */
#ifndef CELL_H
#define CELL_H

#include "outputs.h"
#include "runner.h"

enum cell_status { CELL_OK, CELL_ERROR, CELL_TIMEOUT, CELL_INTERRUPTED, CELL_DIED };

struct cell {
	struct cell	*next;			/* in the queue */
	struct cell_spec spec;
	struct outputs	*outputs;		/* NULL: it is a question */
	size_t		 input_at;		/* bytes of input consumed */
	int64_t		 queued_ms;		/* monotonic */
	int64_t		 started_ns;		/* 0: it waits */
	bool		 abandoned;		/* its caller has left */
	bool		 unsent;		/* the kernel did not take it */
	bool		 wants_input;		/* it waits for runner_input() */
	bool		 interrupted;		/* somebody asked for it */
	int		 ladder;		/* steps taken after its time limit: 0 none, 1 interrupted, 2 again */
	int64_t		 count;			/* execution_count; -1: unknown */
	int64_t		 cpu_ns, peak_bytes;	/* see usage.h; -1: unknown */
};

struct cell *cell_new(struct cell_spec *spec);	/* takes the spec's bufs over; NULL: out of memory */
void	cell_free(struct cell **c);

/* The next line of its input; false: none is left. */
bool	cell_next_line(struct cell *c, const char **ret_line, size_t *ret_len);
/* Tell its caller that it wants a line; content: of the input_request.  False: nobody hears it. */
bool	cell_ask_input(struct cell *c, struct json content);
/* Take what execute_reply says (NULL: none came) into the outputs; how the cell has ended. */
enum cell_status cell_take_reply(struct cell *c, const struct json *reply);
/* The answer. */
void	cell_format(struct cell *c, enum cell_status status, unsigned generation, bool state_kept, struct buf *out);

#endif
