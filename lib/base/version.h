/* version - of all the commands; they are released together. */
#ifndef VERSION_H
#define VERSION_H

#define EXECMGR_VERSION "0.1.0"

#endif
