"""Language codes as the world writes them, turned into the one short form that we keep.

Source of the tables: ISO 639-2 and 639-3 as packaged in Debian's iso-codes 4.15.0 (from the Library of Congress and
SIL registries), and the deprecated codes of the IANA language subtag registry (RFC 5646).
"""

from __future__ import annotations

import re

_TAG = re.compile(r"([A-Za-z]{2,3})(?:[-_][A-Za-z0-9]{1,8})*")

_LONG_TO_SHORT = """
    aar=aa abk=ab ave=ae afr=af aka=ak amh=am arg=an ara=ar asm=as ava=av aym=ay aze=az bak=ba bel=be bul=bg bih=bh
    bis=bi bam=bm ben=bn bod=bo bre=br bos=bs cat=ca che=ce cha=ch cos=co cre=cr ces=cs chu=cu chv=cv cym=cy dan=da
    deu=de div=dv dzo=dz ewe=ee ell=el eng=en epo=eo spa=es est=et eus=eu fas=fa ful=ff fin=fi fij=fj fao=fo fra=fr
    fry=fy gle=ga gla=gd glg=gl grn=gn guj=gu glv=gv hau=ha heb=he hin=hi hmo=ho hrv=hr hat=ht hun=hu hye=hy her=hz
    ina=ia ind=id ile=ie ibo=ig iii=ii ipk=ik ido=io isl=is ita=it iku=iu jpn=ja jav=jv kat=ka kon=kg kik=ki kua=kj
    kaz=kk kal=kl khm=km kan=kn kor=ko kau=kr kas=ks kur=ku kom=kv cor=kw kir=ky lat=la ltz=lb lug=lg lim=li lin=ln
    lao=lo lit=lt lub=lu lav=lv mlg=mg mah=mh mri=mi mkd=mk mal=ml mon=mn mar=mr msa=ms mlt=mt mya=my nau=na nob=nb
    nde=nd nep=ne ndo=ng nld=nl nno=nn nor=no nbl=nr nav=nv nya=ny oci=oc oji=oj orm=om ori=or oss=os pan=pa pli=pi
    pol=pl pus=ps por=pt que=qu roh=rm run=rn ron=ro rus=ru kin=rw san=sa srd=sc snd=sd sme=se sag=sg sin=si slk=sk
    slv=sl smo=sm sna=sn som=so sqi=sq srp=sr ssw=ss sot=st sun=su swe=sv swa=sw tam=ta tel=te tgk=tg tha=th tir=ti
    tuk=tk tgl=tl tsn=tn ton=to tur=tr tso=ts tat=tt twi=tw tah=ty uig=ug ukr=uk urd=ur uzb=uz ven=ve vie=vi vol=vo
    wln=wa wol=wo xho=xh yid=yi yor=yo zha=za zho=zh zul=zu
"""
"""ISO 639-2 terminological code to ISO 639-1, all 184 pairs."""

_BIBLIOGRAPHIC_TO_SHORT = """
    tib=bo cze=cs wel=cy ger=de gre=el baq=eu per=fa fre=fr arm=hy ice=is geo=ka mao=mi mac=mk may=ms bur=my dut=nl
    rum=ro slo=sk alb=sq chi=zh
"""
"""The 20 ISO 639-2 bibliographic codes that differ from the terminological ones."""

_DEPRECATED_TO_SHORT = "iw=he in=id ji=yi jw=jv mo=ro"
"""Withdrawn codes that are still sent, YouTube's ``iw`` and ``in`` among them."""

_MEMBER_TO_SHORT = """
    cmn=zh arb=ar pes=fa swh=sw zsm=ms ekk=et lvs=lv npi=ne ory=or azj=az uzn=uz khk=mn plt=mg als=sq gaz=om
    pbt=ps ydd=yi
"""
"""ISO 639-3 codes of the dominant member of a macrolanguage, which data sets write for the macrolanguage itself."""

_LONG_ONLY = """
    ace ach ada ady ain ale alt anp arn arp arw ast awa bal ban bas bej bem bho bik bin bla bra bua bug byn cad car
    ceb chk chm chn cho chp chr chy cnr crh csb dak dar del den dgr din doi dsb dua dyu efi eka ewo fan fat fil fon
    frr frs fur gaa gay gba gil gon gor grb gsw gwi hai haw hil hmn hsb hup iba ilo inh jpr jrb kaa kab kac kam kbd
    kha kmb kok kos kpe krc krl kru kum kut lad lah lam lez lol loz lua lun luo lus mad mag mai mak man mas mdf mdr
    men mic min mnc mni moh mos mus mwl mwr myv nap nds new nia niu nog nqo nso nym nyn nyo nzi osa pag pam pap pau
    pon raj rap rar rom rup sad sah sas sat scn sco sel shn sid sma smj smn sms snk srn srr suk sus syr tem ter tet
    tig tiv tkl tli tmh tog tpi tsi tum tvl tyv udm umb vai vot wal war was xal yao yap zap zen zgh zun zza
"""
"""Living languages of ISO 639-2 that have no two-letter code."""

_BEYOND_ISO_639_2 = "yue nan hak wuu ckb kmr mww hnj mtq tyz nut cjm cja jra rad bdq sed hre"
"""ISO 639-3 languages that platforms and recognisers name (Cantonese, Min Nan, Hakka, Wu, Sorani, Kurmanji) and the
larger minority languages of Vietnam (Hmong, Muong, Tày, Nùng, Cham, Jarai, Rade, Bahnar, Sedang, Hre)."""


def _pairs(*tables: str) -> dict[str, str]:
    return {pair.partition("=")[0]: pair.partition("=")[2] for table in tables for pair in table.split()}


_TO_SHORT = _pairs(_LONG_TO_SHORT, _BIBLIOGRAPHIC_TO_SHORT, _DEPRECATED_TO_SHORT, _MEMBER_TO_SHORT)
_KNOWN = frozenset([*_TO_SHORT.values(), *_LONG_ONLY.split(), *_BEYOND_ISO_639_2.split()])


def normalise(code: str | None) -> str | None:
    """The short BCP-47 primary tag of a language code: two letters where they exist, else three.

    Region, script and variant are dropped. ``None`` for a missing or unknown code and for codes that name no one
    language (``und``, ``mul``, ``zxx``, ``mis``). Never raises.

    >>> normalise("vi-VN"), normalise("vie"), normalise("iw"), normalise("en_us"), normalise("und")
    ('vi', 'vi', 'he', 'en', None)
    """
    match = _TAG.fullmatch((code or "").strip())
    if match is None:
        return None
    primary = match[1].lower()
    short = _TO_SHORT.get(primary, primary)
    return short if short in _KNOWN else None
