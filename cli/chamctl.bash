# SPDX-License-Identifier: GPL-2.0
# bash completion for chamctl. Objects, commands and keywords come from
# chamctl's own table (chamctl __commands), so they cannot lag behind it.

_chamctl_devs()
{
	local d
	for d in /sys/class/net/*; do
		echo "${d##*/}"
	done
}

# The words are chamctl's own: it lists them when it is given another.
_chamctl_states()
{
	"$1" conn show state "?" 2>&1 | sed -n 's/.*takes one of \(.*\), not .*/\1/p' | tr -d ','
}

_chamctl()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	local prog=${COMP_WORDS[0]} obj="" cmd="" table grammar words="" i w

	for ((i = 1; i < COMP_CWORD; i++)); do
		w=${COMP_WORDS[i]}
		if [[ -z $obj ]]; then
			[[ $w == -* ]] || obj=$w
		elif [[ -z $cmd ]]; then
			cmd=$w
		fi
	done
	table=$("$prog" __commands 2>/dev/null) || return

	if [[ -z $obj ]]; then
		words="-j -p -V --json --pretty --version help
			$(cut -f1 <<<"$table" | uniq)"
	elif [[ -z $cmd ]]; then
		words="help $(awk -F'\t' -v o="$obj" '$1 == o { print $2 }' <<<"$table")"
		# An object with one command takes its arguments at once.
		if [[ $(awk -F'\t' -v o="$obj" '$1 == o' <<<"$table" | wc -l) -eq 1 ]]; then
			grammar=$(awk -F'\t' -v o="$obj" '$1 == o { print $3 }' <<<"$table")
			words+=" $(grep -oE '[a-z][a-z0-9-]+' <<<"$grammar")"
			case $grammar in
			"[DEV]"*)
				words+=" $(_chamctl_devs)" ;;
			"[FILE]"*)
				words+=" $(compgen -f -- "$cur")" ;;
			esac
		fi
	else
		grammar=$(awk -F'\t' -v o="$obj" -v c="$cmd" \
			'$1 == o && $2 == c { print $3 }' <<<"$table")
		case $prev in
		dev|port|uplink)
			words=$(_chamctl_devs) ;;
		state)
			words=$(_chamctl_states "$prog") ;;
		tenant)
			words=$("$prog" tenant 2>/dev/null | awk -F': ' '/^[0-9]/ { print $2 }') ;;
		tier)
			words="linked joint" ;;
		object|to|from)
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
			return ;;
		"$cmd")
			case $grammar in
			FILE*)
				mapfile -t COMPREPLY < <(compgen -f -- "$cur")
				return ;;
			DEV*|"[DEV]"*)
				words=$(_chamctl_devs) ;;
			NAME*|"[NAME]"*)
				words=$("$prog" tenant 2>/dev/null |
					awk -F': ' '/^[0-9]/ { print $2 }') ;;
			*)
				words=$(grep -oE '[a-z][a-z0-9-]+' <<<"$grammar") ;;
			esac ;;
		*)
			words=$(grep -oE '[a-z][a-z0-9-]+' <<<"$grammar") ;;
		esac
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -F _chamctl chamctl
