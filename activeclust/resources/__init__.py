"""What a long step uses: disk for results that are computed once, memory, and progress reports."""
