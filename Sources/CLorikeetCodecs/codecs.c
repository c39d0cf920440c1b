#include "CLorikeetCodecs.h"
