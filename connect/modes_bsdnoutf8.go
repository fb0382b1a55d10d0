//go:build dragonfly || freebsd || netbsd || openbsd

package connect

func extraInputFlags() []ttyFlag { return nil }
