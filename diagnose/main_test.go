package diagnose

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
)

// The tests that look at servers wait for silence nearly all of their time, so
// more of them run at once than there are processors.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	code := m.Run()
	if built.path != "" {
		_ = os.RemoveAll(filepath.Dir(built.path))
	}
	os.Exit(code)
}
