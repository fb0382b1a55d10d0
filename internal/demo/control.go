package demo

import (
	"encoding/json"
	"net/http"
)

// controlRoutes lets another process steer the cloud: it must know the path.
func (c *Cloud) controlRoutes(mux *http.ServeMux) {
	mux.HandleFunc("POST "+c.control+"/faults", func(w http.ResponseWriter, q *http.Request) {
		var f Fault
		err := json.NewDecoder(http.MaxBytesReader(w, q.Body, maxRequest)).Decode(&f)
		if err == nil {
			err = c.Inject(f)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("DELETE "+c.control+"/faults", func(w http.ResponseWriter, _ *http.Request) {
		c.ClearFaults()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET "+c.control+"/calls", func(w http.ResponseWriter, _ *http.Request) {
		write(w, reply{status: http.StatusOK, body: c.Calls()})
	})
	mux.HandleFunc("DELETE "+c.control+"/calls", func(w http.ResponseWriter, _ *http.Request) {
		c.ResetCalls()
		w.WriteHeader(http.StatusNoContent)
	})
}
