package lxd

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// errNotFound is what the driver makes of the array's several ways to say so.
var errNotFound = errors.New("not found")

// errUnauthorized is a 401: the token has expired, or was never any good.
var errUnauthorized = worded("Unauthorized request")

// client is the driver's REST client, with what it does not do: it has no
// timeout, asks for no second page and repeats nothing but a call that was
// answered 401, once. A reply that is lost is taken for a call not made.
type client struct {
	run     *run
	gateway string
	apiKey  string
	http    *http.Client
	token   string
}

func (r *run) connectTo(p Pool) *client {
	if c, ok := r.client[p.Name]; ok {
		return c
	}
	c := &client{
		run:     r,
		gateway: strings.TrimSuffix(p.Config["pure.gateway"], "/"),
		apiKey:  p.Config["pure.api.token"],
		http:    &http.Client{Transport: r.arrays},
	}
	r.client[p.Name] = c
	return c
}

// refusal is an answer of the array with a status other than 200 and 401.
type refusal struct {
	status   int
	Messages []struct {
		Message string `json:"message"`
	} `json:"errors"`
}

func (e *refusal) Error() string {
	if len(e.Messages) == 0 {
		return ""
	}
	return strings.TrimSuffix(e.Messages[0].Message, ".")
}

// says compares as LXD does: the exact status, and any of the texts within any of
// the messages, in any case.
func says(err error, texts ...string) bool {
	var e *refusal
	if !errors.As(err, &e) || e.status != http.StatusBadRequest {
		return false
	}
	for _, m := range e.Messages {
		for _, text := range texts {
			if strings.Contains(strings.ToLower(m.Message), strings.ToLower(text)) {
				return true
			}
		}
	}
	return false
}

func saysNotFound(err error) bool {
	return says(err, "Not found", "Does not exist", "No such volume or snapshot")
}

// query builds a query string from pairs; a key that comes twice is sent
// twice, as LXD sends its filters.
func query(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return v
}

// call makes one request and decodes the answer into out, which may be nil. Its
// error says which it was.
func (c *client) call(method, resource string, q url.Values, body, out any) error {
	for again := true; ; again = false {
		if err := c.login(); err != nil {
			return err
		}
		_, err := c.send(method, resource, q, body, http.Header{"X-Auth-Token": {c.token}}, out)
		if errors.Is(err, errUnauthorized) && again {
			c.token = ""
			continue
		}
		if err != nil {
			return fmt.Errorf("%s %s: %w", method, resource, err)
		}
		return nil
	}
}

func (c *client) login() error {
	if c.token != "" {
		return nil
	}
	header, err := c.send(http.MethodPost, "/login", nil, nil, http.Header{"Api-Token": {c.apiKey}}, nil)
	if err != nil {
		return fmt.Errorf("logging in: %w", err)
	}
	c.token = header.Get("X-Auth-Token")
	return nil
}

func (c *client) send(method, resource string, q url.Values, body any, header http.Header, out any) (http.Header, error) {
	path := resource
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	shown, _ := url.QueryUnescape(path) // what was just escaped
	if err := c.run.step(method, "%s", shown); err != nil {
		return nil, err
	}
	var content io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(data)
	}
	if resource != versionsPath {
		path = "/api/2.21" + path
	}
	// LXD sets no deadline; the context ends only with the simulation.
	req, err := http.NewRequestWithContext(c.run.ctx, method, c.gateway+path, content)
	if err != nil {
		return nil, err
	}
	for key, values := range header {
		req.Header[key] = values
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	switch {
	case resp.StatusCode == http.StatusUnauthorized:
		return nil, errUnauthorized
	case resp.StatusCode != http.StatusOK:
		out = &refusal{}
	}
	if out != nil {
		if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
			return nil, fmt.Errorf("reading the answer: %w", err)
		}
	}
	if e, refused := out.(*refusal); refused {
		e.status = resp.StatusCode
		return nil, e
	}
	return resp.Header, nil
}

const versionsPath = "/api/api_version"

// apiVersions asks without a token, which is why an array can be told apart
// from something else before it is trusted with one.
func (c *client) apiVersions() ([]string, error) {
	var answer struct {
		Version []string `json:"version"`
	}
	_, err := c.send(http.MethodGet, versionsPath, nil, nil, nil, &answer)
	return answer.Version, err
}
