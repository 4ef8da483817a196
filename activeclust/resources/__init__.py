"""Resources of long steps: a disk cache, checks of memory, and progress reports."""
