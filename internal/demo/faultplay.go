package demo

import (
	"cmp"
	"io"
	"net/http"
	"strings"
	"time"
)

// play answers a request as the fault has it; false if the true answer is to follow.
func (f *Fault) play(w http.ResponseWriter, q *http.Request) bool {
	if f.Hang {
		<-q.Context().Done()
		panic(http.ErrAbortHandler)
	}
	select {
	case <-time.After(f.Delay):
	case <-q.Context().Done():
	}
	if f.RetryAfter != "" {
		w.Header().Set("Retry-After", f.RetryAfter)
	}
	status := cmp.Or(f.Status, http.StatusOK)
	switch {
	case f.Close:
		panic(http.ErrAbortHandler)
	case f.Huge:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		huge(w)
	case f.NotJSON:
		write(w, page(status, "This is the proxy's own page."))
	case f.Body != "":
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, f.Body)
	case f.Status != 0:
		service := f.Service
		if status == http.StatusUnauthorized {
			service = "keystone" // its middleware answers for all services
		}
		write(w, failure(service, status, faultMessage(service, status)))
	default:
		return false
	}
	return true
}

func faultMessage(service string, status int) string {
	switch {
	case status == http.StatusUnauthorized:
		return "The request you have made requires authentication."
	case status == http.StatusForbidden && service == "neutron":
		return "rule:get_resource is disallowed by policy"
	case status == http.StatusForbidden:
		return "Policy doesn't allow this request to be performed."
	}
	return "Unexpected API Error. (" + http.StatusText(status) + ")"
}

// huge writes 1 GiB, until the client has enough.
func huge(w io.Writer) {
	chunk := []byte(strings.Repeat("A", 1<<20))
	if _, err := io.WriteString(w, `{"huge":"`); err != nil {
		return
	}
	for range 1 << 10 {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
	_, _ = io.WriteString(w, `"}`)
}
