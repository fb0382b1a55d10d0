package openstack

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

// maxConfigFile bounds a configuration file.
const maxConfigFile = 4 << 20

var (
	errNotRegular  = errors.New("not a regular file")
	errFileTooLong = fmt.Errorf("longer than %d bytes", maxConfigFile)
)

// ConfigError is what is wrong with a file that the configuration consists of.
// Nothing of the file's content is in it.
type ConfigError struct {
	File string
	Line int    // from 1; 0 if unknown
	Key  string // the path of the setting, such as "clouds.demo.auth"; "" if about the file
	Err  error
}

func (e *ConfigError) Error() string {
	at := fmt.Sprintf("%q", e.File)
	if e.Line > 0 {
		at += fmt.Sprintf(": line %d", e.Line)
	}
	if e.Key != "" {
		at += fmt.Sprintf(": %q", e.Key)
	}
	return at + ": " + e.Err.Error()
}

func (e *ConfigError) Unwrap() error { return e.Err }

// searchPath lists the directories where openstacksdk looks, best first.
func (o Options) searchPath(goos string) []string {
	dirs := []string{o.Dir}
	switch goos {
	case "windows":
		dirs = append(dirs, under(o.env("LOCALAPPDATA"), "OpenStack", "openstack"))
	case "darwin":
		dirs = append(dirs, under(o.Home, "Library", "Application Support", "openstack"))
	default:
		dirs = append(dirs, under(o.env("XDG_CONFIG_HOME"), "openstack"))
	}
	dirs = append(dirs, under(firstOf(o.env("SNAP_REAL_HOME"), o.Home), ".config", "openstack"))
	switch goos {
	case "windows":
		dirs = append(dirs, under(o.env("PROGRAMDATA"), "OpenStack", "openstack"))
	case "darwin":
		dirs = append(dirs, "/Library/Application Support/openstack")
	default:
		for _, dir := range filepath.SplitList(firstOf(o.env("XDG_CONFIG_DIRS"), "/etc/xdg")) {
			dirs = append(dirs, under(dir, "openstack"))
		}
	}
	dirs = append(dirs, "/etc/openstack")
	return slices.DeleteFunc(dirs, func(dir string) bool { return dir == "" })
}

// under joins, unless there is no base.
func under(base string, elements ...string) string {
	if base == "" {
		return ""
	}
	return filepath.Join(append([]string{base}, elements...)...)
}

// candidates are the places of a file such as "clouds", best first. first is
// what a variable names; "" if it does not.
func (o Options) candidates(name, first string) []string {
	var paths []string
	if first != "" {
		paths = append(paths, o.absolute(first))
	}
	for _, dir := range o.searchPath(runtime.GOOS) {
		for _, suffix := range []string{".yaml", ".yml", ".json"} {
			paths = append(paths, filepath.Join(dir, name+suffix))
		}
	}
	return paths
}

func (o Options) env(name string) string {
	if o.Env == nil {
		return ""
	}
	return o.Env(name)
}

// absolute completes a path that the user wrote: "~", and relative ones.
func (o Options) absolute(path string) string {
	if rest, ok := strings.CutPrefix(path, "~"); ok && o.Home != "" && (rest == "" || rest[0] == '/' || rest[0] == filepath.Separator) {
		return filepath.Join(o.Home, rest)
	}
	if filepath.IsAbs(path) || o.Dir == "" {
		return path
	}
	return filepath.Join(o.Dir, path)
}

// readFirst reads the first of the files that exists; "" if none does. A file
// that is there but cannot be read is an error: passing over it, as openstacksdk
// does, would log in to another cloud than the user wrote down.
func readFirst(paths []string) (string, tree, error) {
	for _, path := range paths {
		content, err := readBounded(path)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
			continue
		}
		if err != nil {
			return "", nil, &ConfigError{File: path, Err: err}
		}
		parse := parseYAML
		if strings.HasSuffix(path, ".json") {
			parse = parseJSON
		}
		root, err := parse(content)
		var syntax *syntaxError
		if errors.As(err, &syntax) {
			return "", nil, &ConfigError{File: path, Line: syntax.line, Err: syntax.err}
		}
		return path, root, err
	}
	return "", nil, nil
}

func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() && info.Mode()&fs.ModeNamedPipe == 0 {
		return nil, errNotRegular
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxConfigFile+1))
	if err == nil && len(content) > maxConfigFile {
		err = errFileTooLong
	}
	return content, err
}
