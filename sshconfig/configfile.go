package sshconfig

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	maxIncludeDepth = 16       // READCONF_MAX_DEPTH of OpenSSH's readconf.c
	maxConfigFiles  = 1024     // read for one evaluation: files that include each other would multiply
	maxConfigBytes  = 16 << 20 // of all of them together
	maxLineErrors   = 20       // told of one file
)

var (
	// ErrIncludeDepth is an Include in files that are nested 16 deep.
	ErrIncludeDepth = errors.New("includes are nested more than 16 deep")
	// ErrTooManyFiles is an Include after 1,024 files or 16 MiB have been read.
	ErrTooManyFiles = errors.New("configuration is of more than 1024 files or 16 MiB")
	// ErrTildeInSystemFile is a "~" in an Include that is not the user's.
	ErrTildeInSystemFile = errors.New(`"~" has no meaning in a system file`)
)

// PermissionError is a configuration file that others can write or own.
type PermissionError struct {
	Path  string
	Owner int // user id
	Mode  fs.FileMode
}

func (e *PermissionError) Error() string {
	return fmt.Sprintf("bad owner or permissions on %s: owner %d, mode %04o", e.Path, e.Owner, e.Mode.Perm())
}

// nestedError is an error inside an included file: the Include's own line is
// not to blame.
type nestedError struct{ error }

func (e *nestedError) Unwrap() error { return e.error }

// readFiles makes one pass over the files.
func (e *evaluator) readFiles() error {
	if e.o.File != "" {
		if isNone(e.o.File) {
			return nil
		}
		_, err := e.readTop(e.o.File, true, false)
		return err
	}
	for _, f := range []struct {
		path string
		user bool
	}{{e.o.UserFile, true}, {e.o.SystemFile, false}} {
		if f.path == "" {
			continue
		}
		opened, err := e.readTop(f.path, f.user, f.user)
		if !opened && err != nil {
			// ssh goes on without such a file, and says nothing.
			if !errors.Is(err, fs.ErrNotExist) && !e.final {
				e.warnings = append(e.warnings, Problem{Path: f.path, Why: err})
			}
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *evaluator) readTop(path string, user, checkPermission bool) (opened bool, err error) {
	active := true
	return e.readFile(path, scope{user: user}, checkPermission, &active)
}

// readFile reads a file's lines. opened false says that it could not be
// opened, which is not always an error.
func (e *evaluator) readFile(path string, at scope, checkPermission bool, active *bool) (opened bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	if checkPermission {
		if err := checkConfigPermission(f, e.o.UID); err != nil {
			return true, err
		}
	}
	content, err := e.readBounded(f)
	if err != nil {
		return true, fmt.Errorf("%s: %w", path, err)
	}
	var errs []error
	at.origin = Origin{Path: path}
	for line := range bytes.Lines(content) {
		at.origin.Line++
		text, _, _ := strings.Cut(string(line), "\x00")
		if err := e.line(text, at, active); err != nil && len(errs) < maxLineErrors {
			errs = append(errs, err)
		}
		if err := e.ctx.Err(); err != nil {
			errs = append(errs, err)
			break
		}
	}
	return true, errors.Join(errs...)
}

// readBounded reads what the bounds of an evaluation still admit.
func (e *evaluator) readBounded(r io.Reader) ([]byte, error) {
	if e.files++; e.files > maxConfigFiles {
		return nil, ErrTooManyFiles
	}
	content, err := io.ReadAll(io.LimitReader(r, maxConfigBytes-e.bytes+1))
	if err != nil {
		return nil, err
	}
	if e.bytes += int64(len(content)); e.bytes > maxConfigBytes {
		return nil, ErrTooManyFiles
	}
	return content, nil
}

// include reads the files that an Include line names. In a block that does not
// match they are read all the same, so that their mistakes are found, but have
// no effect; and whether the block matches is not theirs to change.
func (e *evaluator) include(args []string, at scope, active bool) error {
	for _, arg := range args {
		if arg == "" {
			return ErrNoArgument
		}
		pattern, err := e.includePattern(arg, at.user)
		if unset := (*UnsetVariableError)(nil); errors.As(err, &unset) {
			continue // as 9.9 and later, which were the first to expand here
		}
		if err != nil {
			return err
		}
		for _, path := range glob(pattern) {
			if err := e.includeFile(path, at, active); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *evaluator) includeFile(path string, at scope, active bool) error {
	if at.depth == maxIncludeDepth {
		return ErrIncludeDepth
	}
	inner := scope{user: at.user, never: at.never || !active, depth: at.depth + 1}
	opened, err := e.readFile(path, inner, true, &active)
	if !opened && errors.Is(err, fs.ErrNotExist) {
		return nil // gone since it was found
	}
	if opened && err != nil {
		return &nestedError{err}
	}
	return err
}

// includePattern makes an Include's argument absolute.
func (e *evaluator) includePattern(arg string, user bool) (string, error) {
	path, err := expansion{tokens: e.tokens(), env: e.o.env}.expand(arg)
	if err != nil {
		return "", err
	}
	switch {
	case strings.HasPrefix(path, "~"):
		if !user {
			return "", ErrTildeInSystemFile
		}
		return e.o.expandTilde(path)
	case filepath.IsAbs(path):
		return path, nil
	case user:
		return filepath.Join(e.o.Home, ".ssh") + string(filepath.Separator) + path, nil
	}
	return e.o.SystemDir + string(filepath.Separator) + path, nil
}
