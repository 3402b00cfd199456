package array

import "strings"

const maxName = 63

// checkName applies the rule of all names: letters, digits, _ and -, at most
// 63, a letter or digit at both ends.
func (s *state) checkName(kind, local, full string) error {
	good := local != "" && len(local) <= maxName &&
		isAlphanumeric(local[0]) && isAlphanumeric(local[len(local)-1])
	for _, c := range []byte(local) {
		good = good && (isAlphanumeric(c) || c == '_' || c == '-')
	}
	if !good {
		return refuse(kind+badName, full)
	}
	return nil
}

// container splits "pod::name" and finds the pod.
func (s *state) container(full string) (p *pod, local string, err error) {
	before, local, inPod := strings.Cut(full, "::")
	if !inPod {
		if group, _, inGroup := strings.Cut(full, "/"); inGroup {
			return nil, "", refuse(noVolumeGroup, group)
		}
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

func isAlphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
