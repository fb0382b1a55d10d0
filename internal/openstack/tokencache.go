package openstack

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"time"
)

// maxCacheFile bounds a cached session; the catalog of a large cloud is 100 KB.
const maxCacheFile = 4 << 20

// cacheFile is where a session of this cloud is kept; "" for none.
func cacheFile(dir string, cloud *Cloud) string {
	identity := cloud.Identity()
	if dir == "" || identity == "" {
		return ""
	}
	return filepath.Join(dir, "tokens", identity+".json")
}

// readSession gives the cached session, if there is one that is whole, private
// to this user and valid.
func readSession(dir string, cloud *Cloud, now time.Time) *session {
	path := cacheFile(dir, cloud)
	if path == "" {
		return nil
	}
	file, err := openPrivate(path)
	if err != nil {
		return nil
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxCacheFile))
	if err != nil {
		return nil
	}
	var s session
	if json.Unmarshal(text, &s) != nil || !s.valid(now) {
		return nil
	}
	return &s
}

// writeSession keeps a session for the next run, whole or not at all.
func writeSession(dir string, cloud *Cloud, s *session) error {
	path := cacheFile(dir, cloud)
	if path == "" || s.Expires.IsZero() {
		return nil
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := privateDir(filepath.Dir(path)); err != nil {
		return err
	}
	// CreateTemp makes the file 0600.
	file, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name())
	}
	return err
}
