package array

import "strings"

// container splits "pod::name" and finds the pod.
func (s *state) container(full string) (p *pod, local string, err error) {
	before, local, inPod := strings.Cut(full, "::")
	if !inPod {
		return nil, full, nil
	}
	p, err = s.pod(before)
	return p, local, err
}

func join(p *pod, local string) string {
	if p == nil {
		return local
	}
	return p.name + "::" + local
}

func localName(full string) string {
	if _, local, ok := strings.Cut(full, "::"); ok {
		return local
	}
	return full
}
