package sshconfig

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// WriteOptions says how a line is written.
type WriteOptions struct {
	Hash    bool   // as HashKnownHosts does
	Comment string // behind the key, on one line
}

// InvalidNameError is a name that may not stand in a known_hosts file because
// it would be read as something else.
type InvalidNameError struct{ Name string }

func (e *InvalidNameError) Error() string {
	return fmt.Sprintf("%q cannot be a name in a known_hosts file", e.Name)
}

// InvalidCommentError is a comment that does not fit on a line.
type InvalidCommentError struct{ Comment string }

func (e *InvalidCommentError) Error() string {
	return fmt.Sprintf("%q cannot be a comment in a known_hosts file", e.Comment)
}

// Add appends a plain line, its name in lower case as ssh writes it, unless the file has that key for that name
// already. A file that is not there is made 0600, its directories 0700.
//
// The line goes in by one appending write, not by a new file: ssh appends to
// the same file without a lock, and a line of its own would be lost between
// the reading and the renaming.
func Add(path, name string, key ssh.PublicKey, o WriteOptions) error {
	name = lowerASCII(name)
	line, err := formatLine(name, key, o)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return withLock(path, func() error {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
		if err != nil {
			return err
		}
		if err := appendLine(f, path, name, key, line); err != nil {
			f.Close()
			return err
		}
		return f.Close()
	})
}

func appendLine(f *os.File, path, name string, key ssh.PublicKey, line string) error {
	content, err := readLimited(f, path, maxKnownHostsFile)
	if err != nil {
		return err
	}
	for old := range bytes.Lines(content) {
		if e, err := parseKnownHostsLine(old); err == nil && e.isPlain(name) && equalKey(e.Key, key) {
			return nil
		}
	}
	if len(content) > 0 && content[len(content)-1] != '\n' {
		line = "\n" + line
	}
	if _, err := f.WriteString(line); err != nil {
		// Half a line would swallow the next one that somebody appends.
		return errors.Join(err, f.Truncate(int64(len(content))))
	}
	return f.Sync()
}

// Replace makes keys the only plain keys that the file has for exactly this
// name, which it writes in lower case. A line that holds one of them stays as
// it is; another line loses the name, and goes if it had no other. Lines with a marker, with patterns and
// lines that cannot be read stay. The file is changed whole or not at all.
func Replace(path, name string, keys []ssh.PublicKey, o WriteOptions) error {
	name = lowerASCII(name)
	missing := make([]string, len(keys))
	for i, key := range keys {
		line, err := formatLine(name, key, o)
		if err != nil {
			return err
		}
		missing[i] = line
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return rewrite(path, func(content []byte) []byte {
		var out bytes.Buffer
		for raw := range bytes.Lines(content) {
			e, err := parseKnownHostsLine(raw)
			if err != nil || !e.isPlain(name) {
				out.Write(raw)
				continue
			}
			if i := slices.IndexFunc(keys, func(k ssh.PublicKey) bool { return equalKey(k, e.Key) }); i >= 0 {
				missing[i] = ""
				out.Write(raw)
				continue
			}
			out.Write(withoutName(raw, e.names, name))
		}
		for _, line := range missing {
			out.WriteString(startOfLine(&out) + line)
		}
		return out.Bytes()
	})
}

// Remove takes out every plain line that matches name, as ssh-keygen -R does:
// also lines that name other hosts too, and patterns. It returns how many. A
// file that is not there has none. Unlike ssh-keygen it leaves bad lines alone
// and makes no backup.
func Remove(path, name string) (removed int, err error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	err = rewrite(path, func(content []byte) []byte {
		var out bytes.Buffer
		for raw := range bytes.Lines(content) {
			e, err := parseKnownHostsLine(raw)
			if err == nil && e.marker == noMarker && nameMatches(name, e.names) {
				removed++
				continue
			}
			out.Write(raw)
		}
		return out.Bytes()
	})
	if err != nil {
		return 0, err
	}
	return removed, nil
}

// isPlain says whether the entry is a plain line that has exactly this name
// (in lower case), not a pattern that happens to match it.
func (e entry) isPlain(name string) bool {
	if e.marker != noMarker {
		return false
	}
	if strings.HasPrefix(e.names, "|") {
		return nameMatches(name, e.names)
	}
	return !strings.Contains(e.names, "!") &&
		slices.Contains(strings.Split(lowerASCII(e.names), ","), name)
}

// withoutName takes one name out of a line's list; nothing remains of a line
// that has no other.
func withoutName(raw []byte, names, name string) []byte {
	rest := slices.DeleteFunc(strings.Split(names, ","), func(n string) bool { return lowerASCII(n) == name })
	if strings.HasPrefix(names, "|") || len(rest) == 0 {
		return nil
	}
	return bytes.Replace(raw, []byte(names), []byte(strings.Join(rest, ",")), 1)
}

// startOfLine is what must be written before a new line.
func startOfLine(b *bytes.Buffer) string {
	if n := b.Len(); n == 0 || b.Bytes()[n-1] == '\n' {
		return ""
	}
	return "\n"
}

func formatLine(name string, key ssh.PublicKey, o WriteOptions) (string, error) {
	if !validName(name) {
		return "", &InvalidNameError{Name: name}
	}
	if strings.ContainsFunc(o.Comment, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", &InvalidCommentError{Comment: o.Comment}
	}
	if o.Hash {
		name = hashName(name)
	}
	line := name + " " + strings.TrimSuffix(string(ssh.MarshalAuthorizedKey(key)), "\n")
	if o.Comment != "" {
		line += " " + o.Comment
	}
	return line + "\n", nil
}

// validName says whether a name may be written: nothing that known_hosts reads
// as a pattern, list, marker, hash, comment or blank. ssh refuses the same
// (check_host_key of sshconnect.c) and looks the name up as "[host]:port".
func validName(name string) bool {
	if rest, ok := strings.CutPrefix(name, "["); ok {
		host, port, ok := strings.Cut(rest, "]:")
		if !ok || port == "" || strings.Trim(port, "0123456789") != "" {
			return false
		}
		name = host
	}
	return name != "" && len(name) <= maxSubpattern-len("[]:65535") &&
		!strings.ContainsAny(name, "@?*#[]|'\"\\!,") &&
		!strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f })
}

// rewrite replaces a file by what change makes of it, through a temporary
// file beside it. Mode, owner and a symbolic link that leads there are kept;
// where nothing changes nothing is written.
func rewrite(path string, change func([]byte) []byte) error {
	return withLock(path, func() error {
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
		content := change(old)
		if bytes.Equal(content, old) {
			return nil
		}
		return replaceFile(target, content, info)
	})
}

// readWithInfo reads a file whole; one that is not there is empty and has no
// info.
func readWithInfo(path string) ([]byte, fs.FileInfo, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	content, err := readLimited(f, path, maxKnownHostsFile)
	return content, info, err
}

func replaceFile(path string, content []byte, like fs.FileInfo) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if like != nil {
		if err := copyOwnerAndMode(f, like); err != nil {
			return err
		}
	}
	if _, err := io.Copy(f, bytes.NewReader(content)); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
