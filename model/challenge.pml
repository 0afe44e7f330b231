/*
 * The life of a number-matching challenge under a hostile relay.
 *
 * Spin searches every interleaving of what follows. The relay is the
 * adversary: it shows a device any challenge that was ever sent, and delivers
 * any answer that was ever signed, to any worker of the verifier, in any order,
 * any number of times, or never. It cannot sign. An attacker who knows the
 * password starts challenges 1..NS-1; challenge 0 is the user's own sign-in.
 *
 * The user looks at their own sign-in screen and types the number on it into
 * whatever prompt the device shows (the weak spot that number matching is
 * meant for); at their own prompt they may also mistype, and anywhere they may
 * press "No, it's not me". Device 1 is stolen: once it is revoked the thief
 * signs with it as they please, knowing the numbers of the attacker's own
 * screens and guessing the rest.
 *
 * Each mutant removes one defence. The search must then find a violation, or
 * the model would be blind to that defence:
 *   M_NOBIND    an answer to one challenge is taken for another
 *   M_ANYNUM    a number is compared with every pending challenge's
 *   M_RACE      check and settle are two steps, not one transaction
 *   M_RETRY     a wrong number leaves the challenge pending
 *   M_TRUST     the relay's word is taken for an approval
 *   M_VOLATILE  a crash forgets what was settled
 *   M_CANCEL    a cancelled challenge can still be answered
 *   M_REVOKED   a revoked device's answer still counts
 *   M_NOLOCK    a new challenge resets the row of wrong numbers
 *
 * Probes ask the other question, whether good things can happen at all:
 *   C_REACH     the user's own sign-in is approved
 *   C_LOCKED    the account is locked
 *   C_RESID     the attacker is approved: possible only where the attacker's
 *               number happens to equal the user's (1 in 90, or 1 in 1,000,000)
 */

#define NS 3 /* challenges */
#define ND 2 /* devices; the last one is stolen */
#define K 2  /* how many different numbers there are */
#define NV 2 /* the verifier's workers, at the same time */
#define LOCK 2 /* wrong numbers in a row that lock (5 in the product) */
#define TYPED 3 /* how often the user acts */

/* The states of a challenge, as the store has them. */
#define UNBORN 0
#define PENDING 1
#define APPROVED 2
#define DENIED 3
#define EXPIRED 4
#define CANCELLED 5

byte state[NS];
byte number[NS];
byte row = 0; /* wrong numbers in a row, in the store */

/* What was signed. The relay has all of it. */
bool answered[NS * ND * K]; /* challenge, device, number */
bool reported[NS];          /* by a device that is not stolen */
bool revoked = false;       /* device ND-1 */

/* What a spectator of the truth has seen; the verifier does not read these. */
byte settled[NS];     /* how often the challenge left PENDING, up to 2 */
byte tries[NS];       /* how many numbers were compared, up to 2 */
byte wrongs = 0;      /* wrong numbers since the last approval */
bool byThief = false; /* approved by a revoked device */

bool ready = false; /* the numbers have been drawn */

#define ANSWERED(c, d, n) answered[((c) * ND + (d)) * K + (n)]
#define THIEF (ND - 1)

inline bump(counter) { if :: counter < 2 -> counter++ :: else -> skip fi }

/* pick sets var to any of 0..size-1. */
inline pick(var, size) { var = 0; do :: var < size - 1 -> var++ :: break od }

inline settle(which, outcome)
{
	state[which] = outcome;
	bump(settled[which])
}

/* compare is the number's one try. */
inline compare(challenge, device, typed)
{
	bump(tries[challenge]);
	if
	:: typed == number[challenge] ->
		settle(challenge, APPROVED);
		row = 0;
		wrongs = 0;
		if :: device == THIEF && revoked -> byThief = true :: else -> skip fi
	:: else ->
#ifndef M_RETRY
		settle(challenge, DENIED);
#endif
		row++;
		wrongs++
	fi
}

#ifdef M_REVOKED
#define KNOWN(d) true
#else
#define KNOWN(d) (!((d) == THIEF && revoked))
#endif

/* One worker of the verifier. Every branch is one transaction of the store. */
proctype Verifier()
{
	byte c = 0, s = 0, d = 0, n = 0, i = 0, o = 0;
end:
	do
	/* A start: one pending challenge per user, and none while locked. */
	:: atomic {
		ready -> pick(c, NS);
		i = 0; do :: i < NS && state[i] != PENDING -> i++ :: else -> break od;
		if
		:: i == NS && state[c] == UNBORN && row < LOCK ->
			state[c] = PENDING;
#ifdef M_NOLOCK
			row = 0
#endif
		:: else -> skip
		fi;
		c = 0; i = 0
	   }
	/* An answer: the relay brings what was signed for c to challenge s. */
	:: atomic {
		ready -> pick(c, NS); pick(d, ND); pick(n, K);
		s = c;
#ifdef M_NOBIND
		pick(s, NS);
#endif
#ifdef M_ANYNUM
		s = 0; do :: s < NS && !(state[s] == PENDING && number[s] == n) -> s++ :: else -> break od;
		if :: s == NS -> s = c :: else -> skip fi;
#endif
		o = 0;
		if
		:: ANSWERED(c, d, n) && KNOWN(d) && state[s] == PENDING -> o = 1
#ifdef M_CANCEL
		:: ANSWERED(c, d, n) && KNOWN(d) && state[s] == CANCELLED -> o = 1
#endif
		:: else -> skip
		fi;
#ifdef M_RACE
	   }
	   atomic {
#endif
		if :: o == 1 -> compare(s, d, n) :: else -> skip fi;
		c = 0; s = 0; d = 0; n = 0; o = 0
	   }
	/* "No, it's not me". */
	:: atomic {
		ready -> pick(c, NS);
		if :: reported[c] && state[c] == PENDING -> settle(c, DENIED) :: else -> skip fi;
		c = 0
	   }
	/* Time runs out. */
	:: atomic {
		ready -> pick(c, NS);
		if :: state[c] == PENDING -> settle(c, EXPIRED) :: else -> skip fi;
		c = 0
	   }
	/* The relying party gives up. */
	:: atomic {
		ready -> pick(c, NS);
		if :: state[c] == PENDING -> settle(c, CANCELLED) :: else -> skip fi;
		c = 0
	   }
#ifdef M_TRUST
	:: atomic {
		ready -> pick(c, NS);
		if :: state[c] == PENDING -> settle(c, APPROVED) :: else -> skip fi;
		c = 0
	   }
#endif
	od
}

/* The user, with a device that is not stolen. */
proctype User()
{
	byte c = 0, n = 0, acts = 0;
	ready;
	do
	:: atomic {
		acts < TYPED && state[0] != UNBORN -> /* there is a number on the screen */
		pick(c, NS);
		if
		:: state[c] != UNBORN ->
			if
			:: ANSWERED(c, 0, number[0]) = true
			:: c == 0 -> pick(n, K); ANSWERED(c, 0, n) = true /* a slip of the finger */
			:: reported[c] = true
			fi
		:: else -> skip
		fi;
		acts++; c = 0; n = 0
	   }
	:: break
	od
}

/* Once their device is revoked, the thief signs every number for every challenge. */
proctype Thief()
{
	byte i = 0, n = 0;
	atomic {
		ready -> revoked = true;
		do
		:: i < NS ->
			n = 0; do :: n < K -> ANSWERED(i, THIEF, n) = true; n++ :: else -> break od;
			i++
		:: else -> break
		od;
		i = 0; n = 0
	}
}

/* A crash at any moment. What was settled is in the store, or it was not settled. */
proctype Crash()
{
	byte i = 0;
	atomic {
		ready ->
#ifdef M_VOLATILE
		do
		:: i < NS -> if :: state[i] != UNBORN -> state[i] = PENDING :: else -> skip fi; i++
		:: else -> break
		od;
#endif
		i = 0
	}
}

init
{
	byte i = 0, n = 0;
	atomic {
		do
		:: i < NS -> pick(n, K); number[i] = n; i++
		:: else -> break
		od;
		i = 0; n = 0;
		run User(); run Thief(); run Crash();
		do :: i < NV -> run Verifier(); i++ :: else -> break od;
		ready = true
	}
}

/* What must never be. */
#define TWICE(c) (settled[c] > 1 || tries[c] > 1)
#define UNASKED(c) (state[c] == APPROVED && !ANSWERED(c, 0, number[c])) /* not typed into this prompt */
#define STOLEN(c) (state[c] == APPROVED && number[c] != number[0])      /* the user typed no other number */
#define BAD (TWICE(0) || TWICE(1) || TWICE(2) || UNASKED(0) || UNASKED(1) || UNASKED(2) || STOLEN(1) || STOLEN(2) || byThief || wrongs > LOCK)

#ifdef C_REACH
#define FOUND (state[0] == APPROVED)
#endif
#ifdef C_LOCKED
#define FOUND (row >= LOCK)
#endif
#ifdef C_RESID
#define FOUND (state[1] == APPROVED)
#endif
#ifndef FOUND
#define FOUND BAD
#endif

active proctype Monitor()
{
end:
	atomic { FOUND -> assert(false) }
}
