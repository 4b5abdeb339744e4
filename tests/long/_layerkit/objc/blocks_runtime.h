#include <Block.h> // GNUstep looks for this file, which belongs to another runtime
