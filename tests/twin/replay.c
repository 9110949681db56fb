#include "twin.h"
long twin_replay(const char *text, long *sessions) { (void)text; (void)sessions; return 0; }
