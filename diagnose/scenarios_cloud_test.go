package diagnose

import (
	"net/http"

	"osssh/internal/demo"
)

func cloudScenarios() []scenario {
	fails := func(faults ...demo.Fault) func(*stage) { return func(s *stage) { s.inject(faults...) } }
	// Where a login still works a failing API is no cause: web is silent then.
	silent := func(faults ...demo.Fault) func(*stage) {
		return func(s *stage) {
			s.silence("web")
			s.inject(faults...)
		}
	}
	return []scenario{
		{cause: "C1", name: "not in the catalog", breaks: silent(demo.Fault{Service: "neutron", Missing: true})},
		{cause: "C2", name: "nova forbids the list", breaks: fails(demo.Fault{Service: "nova", Path: "/v2.1/servers", Status: http.StatusForbidden})},
		{cause: "C2", name: "neutron forbids all", breaks: silent(demo.Fault{Service: "neutron", Path: "/v2.0", Status: http.StatusForbidden})},
		{cause: "C3", name: "nova fails", breaks: fails(demo.Fault{Service: "nova", Path: "/v2.1/servers", Status: http.StatusInternalServerError})},
		{cause: "C3", name: "a balancer without a keystone", breaks: fails(demo.Fault{Service: "keystone", Path: "/", Status: http.StatusServiceUnavailable})},
		{cause: "C3", name: "a balancer's page", breaks: fails(demo.Fault{Service: "nova", Path: "/", Status: http.StatusBadGateway, NotJSON: true})},
		{cause: "C3", name: "a login page in between", breaks: fails(demo.Fault{Service: "nova", Path: "/v2.1/servers", NotJSON: true})},
		{cause: "C4", name: "too many requests", breaks: fails(demo.Fault{Service: "nova", Path: "/v2.1/servers", Status: http.StatusTooManyRequests, RetryAfter: "1"})},
		{cause: "C5", name: "details fail", breaks: fails(demo.Fault{Service: "nova", Path: "/v2.1/servers/detail", Status: http.StatusInternalServerError})},
		{cause: "C6", name: "a stub by its id", breaks: func(s *stage) {
			s.status("web", "UNKNOWN")
			s.request.Name = s.Instance("web").ID()
		}},
		{cause: "C7", name: "406 for every version", breaks: fails(demo.Fault{Service: "nova", Path: "/v2.1/servers", Status: http.StatusNotAcceptable})},
		{cause: "C8", name: "nova's endpoint hangs up", breaks: fails(demo.Fault{Service: "nova", Path: "/", Close: true})},
		{cause: "C8", name: "nova's endpoint is silent", breaks: fails(demo.Fault{Service: "nova", Path: "/", Hang: true})},
		{cause: "C8", name: "neutron's endpoint hangs up", breaks: silent(demo.Fault{Service: "neutron", Path: "/", Close: true})},
	}
}
