package sshconfig

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// glob lists in order the paths that match a pattern, as glob(3) does:
// wildcards do not match a leading dot, and a bracket that is not closed
// stands for itself. filepath.Glob differs in both.
func glob(pattern string) []string {
	volume := filepath.VolumeName(pattern)
	root := volume
	rest := filepath.ToSlash(pattern[len(volume):])
	if trimmed := strings.TrimLeft(rest, "/"); trimmed != rest {
		root, rest = volume+string(filepath.Separator), trimmed
	}
	found := []string{root}
	for element := range strings.SplitSeq(rest, "/") {
		if element == "" {
			continue
		}
		var next []string
		for _, dir := range found {
			next = append(next, globElement(dir, element)...)
		}
		found = next[:min(len(next), maxConfigFiles)]
	}
	return found
}

// globElement lists what in a directory matches one element of a pattern.
func globElement(dir, element string) []string {
	if !strings.ContainsAny(element, `*?[\`) {
		name := filepath.Join(dir, element)
		if _, err := os.Lstat(name); err != nil {
			return nil
		}
		return []string{name}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var names []string
	for _, entry := range entries {
		if globMatch(element, entry.Name()) {
			names = append(names, filepath.Join(dir, entry.Name()))
		}
	}
	slices.Sort(names)
	return names
}

func globMatch(pattern, name string) bool {
	if strings.HasPrefix(name, ".") && !strings.HasPrefix(pattern, ".") {
		return false
	}
	matched, err := path.Match(strings.ReplaceAll(pattern, "[!", "[^"), name)
	return matched || err != nil && pattern == name
}
