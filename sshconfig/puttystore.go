package sshconfig

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxPuTTYName bounds the name of a session as it stands in PuTTY's store, in
// bytes: file systems and Windows' registry allow 255, and a temporary file
// beside it needs some.
const maxPuTTYName = 200

// PuTTYNameError is a session's name that PuTTY's store cannot hold.
type PuTTYNameError struct{ Name string }

func (e *PuTTYNameError) Error() string {
	return fmt.Sprintf("PuTTY cannot keep a session of the name %.80q", e.Name)
}

// PuTTYPlaces are the values of the environment that say where PuTTY keeps its
// sessions on Unix.
type PuTTYPlaces struct {
	Sessions   string // $PUTTYSESSIONS
	Dir        string // $PUTTYDIR
	ConfigHome string // $XDG_CONFIG_HOME
	Home       string
}

// SessionDir is the directory of saved sessions, found as PuTTY does
// (make_filename of its unix/storage.c): the XDG directory counts only if it is
// there.
func (p PuTTYPlaces) SessionDir() string {
	if p.Sessions != "" {
		return p.Sessions
	}
	if p.Dir != "" {
		return filepath.Join(p.Dir, "sessions")
	}
	config := p.ConfigHome
	if config == "" {
		config = filepath.Join(p.Home, ".config")
	}
	dir := filepath.Join(config, "putty")
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		dir = filepath.Join(p.Home, ".putty")
	}
	return filepath.Join(dir, "sessions")
}

// PuTTYFileName is the name of a session's file on Unix: all bytes but
// A-Z, a-z, 0-9 and "+-.@_" as %XX.
func PuTTYFileName(session string) string {
	return percent(session, func(_ int, c byte) bool { return isAlphanumeric(c) || strings.IndexByte("+-.@_", c) >= 0 })
}

// percent writes the bytes that are not plain as %XX.
func percent(s string, plain func(at int, c byte) bool) string {
	var escaped strings.Builder
	for i := range len(s) {
		if plain(i, s[i]) {
			escaped.WriteByte(s[i])
		} else {
			fmt.Fprintf(&escaped, "%%%02X", s[i])
		}
	}
	return escaped.String()
}

func isAlphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// WritePuTTYSession writes a session into a directory of saved sessions, whole
// or not at all, mode 0600 if it is new. A new session begins as a copy of the
// user's Default Settings, as in PuTTY's own dialogue. Errors: *PuTTYNameError,
// *PuTTYValueError, *TooLargeError, and those of package os.
func WritePuTTYSession(dir, name string, s PuTTYSession) error {
	file := PuTTYFileName(name)
	if name == "" || len(file) > maxPuTTYName {
		return &PuTTYNameError{Name: name}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	path := filepath.Join(dir, file)
	target, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		target, err = path, nil
	}
	if err != nil {
		return err
	}
	old, info, err := readWithInfo(target)
	if err != nil {
		return err
	}
	if info == nil {
		if old, _, err = readWithInfo(filepath.Join(dir, PuTTYFileName("Default Settings"))); err != nil {
			return err
		}
	}
	content, err := s.Merge(old)
	if err != nil {
		return err
	}
	return replaceFile(target, content, info)
}
