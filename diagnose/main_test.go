package diagnose

import (
	"flag"
	"os"
	"testing"
)

// The tests that look at servers wait for silence nearly all of their time, so
// more of them run at once than there are processors.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
