# What the clients of containers/image share: settings and storage of their own.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
mkdir -p "$HOME/.config/containers"
export CONTAINERS_CONF=$HOME/.config/containers/containers.conf CONTAINERS_STORAGE_CONF=$HOME/.config/containers/storage.conf
printf '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n' >"$CONTAINERS_CONF"
printf '[storage]\ndriver = "vfs"\ngraphroot = "%s"\nrunroot = "%s"\n' "$work/graph" "$work/run" >"$CONTAINERS_STORAGE_CONF"
printf '{"default": [{"type": "insecureAcceptAnything"}]}' >"$HOME/.config/containers/policy.json"
: >"$HOME/.config/containers/registries.conf"
plain && printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' "$OCIFAKE_HOST" >"$HOME/.config/containers/registries.conf"
context
