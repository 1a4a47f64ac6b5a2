/*
 * opt - command lines from one table: parsing, range checks, environment, -h, -V.
 * The table is the only list of a command's options; the manual is checked against what -h prints.  Bad usage ends the
 * program: message and usage line on stderr, exit 64.  Option beats environment beats what *dest held before.
 */
#ifndef OPT_H
#define OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum opt_kind {
	OPT_FLAG,	/* bool *dest = true */
	OPT_STRING,	/* const char **dest, borrowed from argv or the environment */
	OPT_INT,	/* int64_t *dest, whole decimal number within min..max */
	OPT_SECONDS,	/* int64_t *dest in milliseconds; text is decimal seconds ("1.5"), min..max in ms */
	OPT_LIST,	/* struct opt_list *dest, each use appends */
};

struct opt_list {
	const char **item;	/* borrowed strings; the array is the list's, for the program's life */
	size_t	     n;
};

struct opt {
	int		 letter;	/* short option, 0: none */
	const char	*name;		/* long option, without the dashes */
	const char	*arg;		/* what -h calls its argument, NULL: takes none */
	const char	*help;		/* what -h says, one line */
	enum opt_kind	 kind;
	void		*dest;
	int64_t		 min, max;	/* OPT_INT, OPT_SECONDS */
	const char	*env;		/* environment variable that sets it, NULL: none; empty counts as unset */
};

struct opt_usage {
	const char	 *name;		/* the program */
	const char	 *purpose;	/* one line for -h */
	const char	 *synopsis;	/* what follows the name, e.g. "[-s ID] [-c CODE | FILE]"; lines split by \n */
	const struct opt *table;	/* ends with an entry whose name is NULL; -h and -V are added by opt */
	bool		  in_order;	/* stop at the first operand: what follows is somebody else's command line */
};

/* Returns the index in argv of the first operand (operands are moved behind the options unless in_order). */
int	opt_parse(const struct opt_usage *usage, int argc, char **argv);
/* Message and usage line on stderr, exit 64. */
void	opt_refuse(const struct opt_usage *usage, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3), noreturn));
/* True if opt_parse() met "--" on the command line just before the first operand. */
bool	opt_saw_dashes(void);

/* Whole decimal number within min..max: 0, -EINVAL (not one), -ERANGE. */
int	opt_number(const char *text, int64_t min, int64_t max, int64_t *ret_value);
/* Decimal seconds to milliseconds, rounded up: "0", "1.5"; -EINVAL, -ERANGE as above (range in ms). */
int	opt_seconds(const char *text, int64_t min_ms, int64_t max_ms, int64_t *ret_ms);

#endif
