/* How a license counts: events that are lost, doubled and disordered, workers
   that look, load, fold and write on condition of a revision, a sweep, and a
   person who lowers the limit. doc.go says what is left out; model_test.go
   says which errors can be planted with -D, and that each is found.

   An instance has generations (launches). Within one it runs, is stopped or is
   terminated, and has the tag by which the license applies or lost it. Its epoch
   counts its changes: two looks of one epoch see the same. A look's stamp is the
   epoch at its start. */

#ifndef N
#define N 2        /* instances; the second uses 2 licenses, the others 1 */
#endif
#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef LAUNCHES
#define LAUNCHES 2 /* of each instance */
#endif
#ifndef UNTAGS
#define UNTAGS 1   /* how often one instance loses or gets its tag */
#endif
#ifndef SWEEPS
#define SWEEPS 1   /* looks of a sweep beside the events; the closing one comes on top */
#endif
#ifndef LATES
#define LATES 1    /* late answers of AWS */
#endif
#define LIMIT 2    /* lowered to 1 by the person */

#define UNITS(i) ((i) == 1 -> 2 : 1)

#define RUN  0
#define STOP 1
#define TERM 2

/* Facts of an instance, as AWS tells them. */
#define FACTS(gen, st, tag) ((gen) | (st) << 2 | (tag) << 4)
#define FGEN(f) ((f) & 3)
#define FST(f)  (((f) >> 2) & 3)
#define FTAG(f) (((f) >> 4) & 1)
#define FUSES(f) (FGEN(f) > 0 && FST(f) == RUN && FTAG(f))

/* An entry of the license; 0: none. */
#define NONE    0
#define COVERED 1
#define OVER    2
#define ENTRY(f, gone, verdict, first, at) ((f) | (gone) << 5 | (verdict) << 6 | (first) << 8 | (at) << 10)
#define EFACTS(e)  ((e) & 31)
#define GONE(e)    (((e) >> 5) & 1)
#define VERDICT(e) (((e) >> 6) & 3)
#define FIRST(e)   (((e) >> 8) & 3)
#define STAMP(e)   (((e) >> 10) & 15)
#define USES(e)    (FUSES(EFACTS(e)) && !GONE(e))
#define WITHVERDICT(e, v) (((e) & ~(3 << 6)) | (v) << 6)

/* The cloud. */
byte now[N];    /* facts */
byte former[N]; /* facts before the last change: what a late answer tells */
byte epoch[N];
byte untags;
bit told[N];    /* a message about the instance waits */
bit lost;       /* something was lost that only a sweep repairs: an event, or a late answer won */

/* The license, as stored. Its revision is kept as what it is good for: each
   commit says to all workers that it moved. */
typedef License { short e[N]; byte limit, covered, used }
License lic;
byte sweeps;
byte busy; /* workers that have something in hand */
bit closed;
byte lates; /* late answers so far */
byte holds[2]; /* by worker: 1: the license as it is stored, 2: an older revision, 0: none */
byte item[2], stamp[2]; /* by worker: the instance in hand, counted from 1, and the start of the look */

#define ALIVE(e) ((e) != 0 && !GONE(e) && FST(EFACTS(e)) != TERM)
#if N > 2
#define WAITING (told[0] + told[1] + told[2])
#else
#define WAITING (told[0] + told[1])
#endif

/* scratch of d_steps, no part of the state */
hidden byte x, y; hidden short a, b; hidden int room;

inline copy(to, from) {
	x = 0;
	do :: x < N -> to.e[x] = from.e[x]; x++ :: else -> break od;
	to.limit = from.limit; to.covered = from.covered; to.used = from.used
}

inline clear(l) {
	x = 0;
	do :: x < N -> l.e[x] = 0; x++ :: else -> break od;
	l.limit = 0; l.covered = 0; l.used = 0
}

/* claim takes what a look saw into entry a of l, unless it knows better. */
inline claim(l, i, f, at, gone) {
	a = l.e[i]; b = a;
	if
	:: gone && a != 0 && STAMP(a) < at -> b = ENTRY(EFACTS(a), 1, VERDICT(a), FIRST(a), at)
	:: gone && (a == 0 || STAMP(a) >= at) -> skip
	:: !gone && a == 0 ->
		if
		:: FUSES(f) -> b = ENTRY(f, 0, NONE, FGEN(f), at)
		:: else ->
#ifndef NO_END_FENCE
			b = ENTRY(f, 0, NONE, FGEN(f), at)
#else
			skip
#endif
		fi
	:: else ->
		if
#ifndef NO_GENERATION
		:: FGEN(f) < FGEN(EFACTS(a)) || FGEN(f) == FGEN(EFACTS(a)) && FST(f) < FST(EFACTS(a)) -> skip
#endif
#ifndef NO_OBSERVATION
		:: FGEN(f) == FGEN(EFACTS(a)) && FST(f) == FST(EFACTS(a)) && at < STAMP(a) -> skip
#endif
		:: else ->
			if
			:: f == EFACTS(a) && !GONE(a) -> skip /* a later look at the same is not worth a write */
			:: !USES(a) && FUSES(f) -> b = ENTRY(f, 0, VERDICT(a), FGEN(f), at)
			:: else -> b = ENTRY(f, 0, VERDICT(a), FIRST(a), at)
			fi
		fi
	fi;
	l.e[i] = b
}

/* cover decides who fits under the limit, and adds up. */
inline cover(l) {
	room = l.limit; x = 0; l.used = 0;
	do
	:: x < N ->
		if
		:: !USES(l.e[x]) -> l.e[x] = WITHVERDICT(l.e[x], NONE)
		:: else ->
			l.used = l.used + UNITS(x);
			if :: VERDICT(l.e[x]) == COVERED -> room = room - UNITS(x) :: else -> skip fi
		fi;
		x++
	:: else -> break
	od;
	y = LAUNCHES + 1; /* the youngest lose first */
	do
	:: y > 0 ->
		y--; x = N;
		do
		:: x > 0 ->
			x--;
			if
			:: room < 0 && VERDICT(l.e[x]) == COVERED && FIRST(l.e[x]) == y ->
				l.e[x] = WITHVERDICT(l.e[x], OVER); room = room + UNITS(x)
			:: else -> skip
			fi
		:: else -> break
		od
	:: else -> break
	od;
	y = 0; /* the oldest that fits whole gets what is free */
	do
	:: y <= LAUNCHES ->
		x = 0;
		do
		:: x < N ->
			if
			:: USES(l.e[x]) && VERDICT(l.e[x]) != COVERED && FIRST(l.e[x]) == y ->
				if
				:: UNITS(x) <= room -> l.e[x] = WITHVERDICT(l.e[x], COVERED); room = room - UNITS(x)
				:: else -> l.e[x] = WITHVERDICT(l.e[x], OVER)
				fi
			:: else -> skip
			fi;
			x++
		:: else -> break
		od;
		y++
	:: else -> break
	od;
	l.covered = l.limit - room
}

/* commit stores l, which has a revision of its own. */
inline commit(l) {
	check(l); copy(lic, l);
	holds[0] = (holds[0] -> 2 : 0); holds[1] = (holds[1] -> 2 : 0)
}

/* check is what holds at every commit of l over lic. */
inline check(l) {
	x = 0; room = 0; y = 0;
	do
	:: x < N ->
		if
		:: USES(l.e[x]) ->
			y = y + UNITS(x);
			if :: VERDICT(l.e[x]) == COVERED -> room = room + UNITS(x) :: else -> skip fi
		:: else -> skip
		fi;
		a = lic.e[x]; b = l.e[x]; /* no generation goes back */
		assert(a == 0 || b != 0 && (FGEN(EFACTS(a)) < FGEN(EFACTS(b)) || FGEN(EFACTS(a)) == FGEN(EFACTS(b)) && FST(EFACTS(a)) <= FST(EFACTS(b))));
		x++
	:: else -> break
	od;
	assert(l.covered == room && l.used == y); /* totals are what the entries add up to */
	assert(room <= l.limit)
}

#ifdef DRIFT /* what is checked right after the events is left out */
#define LOST skip
#else
#define LOST lost = 1
#endif

/* change is what happens to an instance; the event of it may be lost. Stamps
   are compared within a generation and state alone, so each begins with 0. */
inline change(i, gen, st, tag, age) {
	atomic {
		d_step {
			former[i] = (lates < LATES -> now[i] : 0); now[i] = FACTS(gen, st, tag); epoch[i] = age;
			if :: age == 0 && item[0] == i + 1 -> stamp[0] = 0 :: else fi;
			if :: age == 0 && item[1] == i + 1 -> stamp[1] = 0 :: else fi
		};
		if
		:: told[i] = 1
		:: LOST
		fi
	}
}

#define GEN(i) FGEN(now[i])
#define ST(i)  FST(now[i])
#define TAG(i) FTAG(now[i])

/* The first instance is started again and loses its tag, the others end once. */
#define CHANGES(i) \
	:: GEN(i) == 0 -> change(i, 1, RUN, 1, 0) \
	:: i == 0 && GEN(i) > 0 && ST(i) == RUN -> change(i, GEN(i), STOP, TAG(i), 0) \
	:: i == 0 && GEN(i) < LAUNCHES && ST(i) == STOP -> change(i, GEN(i) + 1, RUN, TAG(i), 0) \
	:: i == 0 && GEN(i) > 0 && ST(i) == RUN && untags < UNTAGS -> untags++; change(i, GEN(i), RUN, 1 - TAG(i), epoch[i] + 1) \
	:: i > 0 && GEN(i) > 0 && ST(i) == RUN -> change(i, GEN(i), TERM, TAG(i), 1)

/* Worker handles messages, and looks for the sweep. It can die between any two
   steps; then its message comes again. */
proctype Worker(byte me) {
	byte i, facts;
	bit gone, sweeping, changed;
	License my;
end:
	do
	:: atomic { told[0] -> busy++; i = 0; goto take }
	:: atomic { told[1] -> busy++; i = 1; goto take }
#if N > 2
	:: atomic { told[2] -> busy++; i = 2; goto take }
#endif
	:: atomic { me == 0 && sweeps < SWEEPS && !closed -> sweeps++; busy++; i = 0; goto list }
	:: atomic { me == 0 && sweeps < SWEEPS && !closed -> sweeps++; busy++; i = 1; goto list }
#if N > 2
	:: atomic { me == 0 && sweeps < SWEEPS && !closed -> sweeps++; busy++; i = 2; goto list }
#endif
	od;

take:
	atomic {
#ifdef SLOW_LOOK
		item[me] = i + 1; stamp[me] = epoch[i];
#endif
		if
		:: told[i] = 0
#ifndef ACK_FIRST
		:: skip /* it comes twice */
#endif
		fi
	};
	if
#ifdef SLOW_LOOK
	:: facts = now[i]
#else
	:: atomic { true -> facts = now[i]; stamp[me] = epoch[i] }
#endif
	:: atomic { lates < LATES && former[i] != now[i] && former[i] != 0 -> /* AWS answers late */
		lates++; facts = former[i]; stamp[me] = epoch[i];
		if
		:: told[i] = 1; former[i] = 0; goto rest /* the event contradicts: it comes again */
		:: FGEN(facts) > 0 -> LOST; former[i] = 0
		fi }
	:: goto dies
	fi;
	goto load;

list: /* it shows no more what is terminated, and may leave out what is there */
	atomic { sweeping = 1; item[me] = i + 1; stamp[me] = epoch[i] };
	if
	:: atomic { GEN(i) > 0 && ST(i) != TERM -> facts = now[i]; goto load }
	:: atomic { ALIVE(lic.e[i]) && STAMP(lic.e[i]) < stamp[me] -> skip }
	:: atomic { !(ALIVE(lic.e[i]) && STAMP(lic.e[i]) < stamp[me]) -> goto rest }
	fi;
#ifdef NO_DIRECT_LOOK
	gone = 1;
#else
	atomic {
		stamp[me] = epoch[i];
		if
		:: ST(i) != TERM -> facts = now[i]
		:: else -> gone = 1
		fi
	};
#endif

load:
	atomic {
		true ->
		d_step {
			copy(my, lic); claim(my, i, facts, stamp[me], gone);
			changed = (a != b);
			if :: a != b -> cover(my) :: else fi;
			holds[me] = 1
		}
	};
	if
	:: atomic { !changed -> goto rest } /* nothing to write */
	:: else
	fi;

write:
	if
#ifdef NO_CONDITION
	:: d_step { true -> commit(my) }
#else
	:: d_step { holds[me] == 1 -> commit(my) }
	:: atomic { holds[me] == 2 -> /* refused */
#ifdef REFUSED_IS_DONE
		goto rest
#else
		goto load
#endif
	}
#endif
	:: goto dies
	fi;
	if
	:: goto rest
	:: goto dies
#ifdef LOST_IS_NOT_APPLIED
	:: d_step { true -> copy(my, lic); my.used = my.used + UNITS(i); commit(my) }; goto rest
#else
	:: goto write /* the answer is lost, the client sends it again */
#endif
	fi;

dies:
	atomic {
		if
#ifndef ACK_FIRST
		:: !sweeping -> told[i] = 1
#endif
		:: else
		fi
	};
rest:
	atomic { i = 0; facts = 0; stamp[me] = 0; item[me] = 0; gone = 0; sweeping = 0; changed = 0; holds[me] = 0; clear(my); busy-- };
	goto end
}

/* agrees says whether the license holds what runs, and nothing else. */
inline agrees() {
	x = 0;
	do
	:: x < N ->
		assert(FUSES(now[x]) == USES(lic.e[x]));
		assert(!FUSES(now[x]) || GEN(x) == FGEN(EFACTS(lic.e[x])));
		x++
	:: else -> break
	od
}

/* World is everything else: what happens in the cloud, a person who lowers the
   limit in one commit with its fold, and the end, when nothing waits: then the
   license is what the events told, if nothing was lost, and after one more sweep
   it is true in any case. */
init {
	byte i, missed;
	License my;
	d_step { lic.limit = LIMIT };
	run Worker(0);
#if WORKERS > 1
	run Worker(1);
#endif
	do
	CHANGES(0)
	CHANGES(1)
#if N > 2
	CHANGES(2)
#endif
	:: d_step { lic.limit == LIMIT -> copy(my, lic); my.limit = 1; cover(my); commit(my); clear(my) }
	:: atomic { busy == 0 && WAITING == 0 -> closed = 1; break }
	od;
#ifndef DRIFT
	atomic { if :: !lost -> agrees() :: else fi };
#endif
	do
	:: i < N ->
		atomic { if :: missed = 0 :: ALIVE(lic.e[i]) -> missed = 1 fi }; /* what it misses and the license lacks, the next one finds */
		d_step {
			copy(my, lic);
			if
			:: !missed && GEN(i) > 0 && ST(i) != TERM -> claim(my, i, now[i], epoch[i] + 1, 0)
#ifndef NO_DIRECT_LOOK
			:: missed && ST(i) != TERM -> claim(my, i, now[i], epoch[i] + 1, 0)
#endif
			:: else -> claim(my, i, 0, epoch[i] + 1, 1)
			fi;
			cover(my); commit(my); clear(my); i++
		}
	:: else -> break
	od;
	atomic { missed = 0; agrees() };
#ifdef REACH
	assert(false)
#endif
}
