package connect

import "golang.org/x/sys/unix"

func extraInputFlags() []ttyFlag { return []ttyFlag{{42, unix.IUTF8}} }
